// libFuzzer, one target for each decoder (SCLIP_FUZZ_DECODER): any bytes end in rows or in a sclip::Error. The size
// picks how many rows are asked for at once, and whether damage is salvaged, so that any file is a seed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/decode/decoders.h"
#include "sclip/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  try {
    const auto reader = sclip::SCLIP_FUZZ_DECODER(std::as_bytes(std::span(data, size)));
    const auto& header = reader->header();
    if (header.orientation < 1 || header.orientation > 8) __builtin_trap();
    if (header.width <= 0 || header.height <= 0 || header.width > 1 << 14 || header.height > 1 << 14) return 0;
    if (header.width * header.height > 1 << 20) return 0;
    if (size % 2 == 1) reader->salvage();
    const int64_t step = size % 3 == 0 ? header.height : static_cast<int64_t>(1 + size % 7);
    std::vector<uint8_t> rows;
    for (int64_t y = 0; y < header.height; y += step) {
      const int64_t count = std::min(step, header.height - y);
      rows.assign(static_cast<size_t>(count * header.width * 3), 0);  // an allocation of exactly that size
      reader->read(rows.data(), count);
    }
  } catch (const sclip::Error& error) {
    if (error.code() == sclip::ErrorCode::kInternal) __builtin_trap();
  }
  return 0;
}

// What libdav1d keeps of a broken AVIF is not ours to free.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libdav1d\n";
}
