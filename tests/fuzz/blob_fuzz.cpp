// libFuzzer target of the blob reader. Either the input is a file, or it is a list of edits to a good one, which
// gets further: each edit is an offset in the header and a byte to put there, insert or delete.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "sclip/error.h"
#include "tests/blob_builder.h"
#include "weights/weight_blob.h"

namespace {

using sclip::testing::BlobBuilder;

// What is accepted must be usable: every byte of every tensor can be read.
void touch(const sclip::WeightBlob& blob) {
  volatile uint8_t sink = 0;
  for (const std::string& name : blob.names()) {
    const sclip::TensorView view = blob.tensor(name);
    const auto* bytes = static_cast<const uint8_t*>(view.data);
    if (reinterpret_cast<uintptr_t>(bytes) % 64 != 0 || view.bytes() == 0) std::abort();
    sink = static_cast<uint8_t>(sink + bytes[0] + bytes[view.bytes() - 1]);
  }
}

void load(std::span<const std::byte> bytes, sclip::BlobCheck check) {
  try {
    touch(sclip::WeightBlob(bytes, "fuzz", check));
  } catch (const sclip::Error& error) {
    const std::string message = error.what();
    if (message.rfind("fuzz: ", 0) != 0 || message.size() > 2000) std::abort();
    if (error.code() == sclip::ErrorCode::kInternal) std::abort();
  }
}

void edit(std::string& json, const uint8_t* data, size_t size) {
  for (size_t i = 0; i + 4 <= size; i += 4) {
    if (json.empty()) return;
    const size_t at = (data[i] | size_t{data[i + 1]} << 8) % json.size();
    const char value = static_cast<char>(data[i + 3]);
    switch (data[i + 2] % 3) {
      case 0: json[at] = value; break;
      case 1: json.insert(at, 1, value); break;
      default: json.erase(at, 1); break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const BlobBuilder builder;
  static const std::string good_json = builder.header_json();
  if (size == 0) return 0;
  if (data[0] % 2 == 0) {
    const std::span<const std::byte> file = std::as_bytes(std::span(data + 1, size - 1));
    load(file, sclip::BlobCheck::kHashes);
    load(file, sclip::BlobCheck::kStructureOnly);
  } else {
    std::string json = good_json;
    edit(json, data + 1, size - 1);
    json.append((64 - (8 + json.size()) % 64) % 64, ' ');
    const std::vector<std::byte> file = BlobBuilder::assemble(json.size(), json, builder.payload);
    load(file, sclip::BlobCheck::kStructureOnly);
  }
  return 0;
}
