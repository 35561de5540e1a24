// WeightBlob: a `.sclip` file, mapped or in memory, and checked. See FORMAT.md.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "sclip/engine.h"
#include "sclip/model_config.h"

namespace sclip {

// Hashes reads the whole file once, about a second per GB; structure is checked either way.
enum class BlobCheck { kHashes, kStructureOnly };

// Immutable, so threads may share it. Move-only; every view lives as long as the object that it came from,
// moved or not. A file that contradicts the format throws kCorruptData with the file, tensor and numbers.
class WeightBlob {
 public:
  explicit WeightBlob(const std::filesystem::path& path, BlobCheck check = BlobCheck::kHashes);
  // `bytes` is the content of a file; `name` stands for the path in messages. Borrowed bytes stay the caller's: on a
  // 64-byte boundary, unchanged, and there for as long as the object and whatever was made from it.
  WeightBlob(std::span<const std::byte> bytes, const std::string& name, BlobCheck check = BlobCheck::kHashes,
             BlobBytes keep = BlobBytes::kCopied);
  ~WeightBlob();
  WeightBlob(WeightBlob&&) noexcept;
  WeightBlob& operator=(WeightBlob&&) noexcept;

  // "visual.blocks.0.attn.qkv.weight", …: the names of tensors.csv. Data is 64-byte aligned, F32, F16 or BF16
  // (ask the view: one file mixes them). Throws kNotFound.
  TensorView tensor(std::string_view name) const;
  // Says that `name` was copied elsewhere: its pages may leave memory. The view stays valid and is read again
  // from the file when touched.
  void release(std::string_view name) const;
  const std::vector<std::string>& names() const;  // in file order

  const ModelConfig& config() const;
  const BlobMetadata& metadata() const;
  // BPE merges: one `a b` per line, UTF-8, most frequent first, each line ended by '\n'.
  std::string_view merges() const;
  // 64 lower-case digits that identify the model: they cover config, tensor table and payload.
  const std::string& sha256() const;
  const std::string& name() const;  // the path given
  size_t file_bytes() const;

 private:
  struct Content;
  std::unique_ptr<const Content> content_;
};

}  // namespace sclip
