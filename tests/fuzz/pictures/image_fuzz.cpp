// libFuzzer: any bytes at the door for pictures are a picture or a sclip::Error. The size picks the name, since TGA
// goes by it.
#include <cstddef>
#include <cstdint>
#include <span>

#include "io/image_decode.h"
#include "sclip/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static sclip::ThreadPool pool(1);
  try {
    const sclip::Image image = sclip::decode_image(
        std::as_bytes(std::span(data, size)), size % 2 == 1 ? "fuzz.tga" : "fuzz.jpg", pool,
        {.max_pixels = 1 << 20, .max_streamed_pixels = 1 << 20, .max_side = 1 << 14, .salvage = size % 3 == 0});
    if (image.rgb.size() != static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3) __builtin_trap();
  } catch (const sclip::Error& error) {
    if (error.code() == sclip::ErrorCode::kInternal) __builtin_trap();
  }
  return 0;
}

// What libdav1d keeps of a broken AVIF is not ours to free.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libdav1d\n";
}
