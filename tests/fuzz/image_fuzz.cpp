// libFuzzer: any bytes are a picture or a sclip::Error. The first byte picks the name, since TGA goes by it.
#include <cstddef>
#include <cstdint>
#include <span>

#include "io/image_decode.h"
#include "sclip/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static sclip::ThreadPool pool(1);
  const char* name = (data[0] & 1) != 0 ? "fuzz.tga" : "fuzz.jpg";
  try {
    const sclip::Image image = sclip::decode_image(std::as_bytes(std::span(data + 1, size - 1)), name, pool,
                                                   {.max_pixels = 1 << 20, .max_side = 1 << 14});
    if (image.rgb.size() != static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3) __builtin_trap();
  } catch (const sclip::Error&) {
  }
  return 0;
}
