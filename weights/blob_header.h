// The safetensors framing of a blob: u64 header length, JSON header, payload. Knows nothing of models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace sclip {

struct BlobEntry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  uint64_t begin = 0;  // in the payload
  uint64_t end = 0;
};

struct BlobHeader {
  std::vector<BlobEntry> entries;  // by `begin`; together they cover the payload without gap or overlap
  std::map<std::string, std::string> metadata;
  std::string_view json;
  std::span<const std::byte> payload;
};

inline constexpr std::string_view kBlobFormatVersion = "1";
inline constexpr uint64_t kBlobAlignment = 64;  // of the payload and of each tensor in it
inline constexpr uint64_t kMaxHeaderBytes = 1 << 20;

// `file` and the returned views share memory. Throws kCorruptData, or kUnsupported
// for another format version; `where` begins each message.
BlobHeader parse_blob_header(std::span<const std::byte> file, const std::string& where);

// A name taken from a file, fit for a message: control characters replaced, long ones cut.
std::string printable(std::string_view name);

}  // namespace sclip
