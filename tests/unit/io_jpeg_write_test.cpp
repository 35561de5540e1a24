#include "io/jpeg_write.h"

#include <cstdlib>
#include <vector>

#include "io/image_decode.h"
#include "sclip/error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

TEST_CASE("a JPEG is the picture again, but for its rounding, and is marked") {
  Image picture(67, 41);
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      uint8_t* pixel = picture.rgb.data() + (static_cast<size_t>(y) * 67 + static_cast<size_t>(x)) * 3;
      pixel[0] = static_cast<uint8_t>(3 * x);
      pixel[1] = static_cast<uint8_t>(5 * y);
      pixel[2] = 100;
    }
  }
  const std::vector<std::byte> bytes = encode_jpeg_rgb(picture.view());
  CHECK(is_marked_jpeg(bytes));
  CHECK_FALSE(is_marked_jpeg(std::span(bytes).first(30)));
  ThreadPool pool(1);
  const Image again = decode_image(bytes, "test", pool);
  REQUIRE(again.width == 67);
  REQUIRE(again.height == 41);
  // Of a smooth picture at this quality, steps are of a few levels, and conversions round by one more.
  for (size_t i = 0; i < picture.rgb.size(); ++i) REQUIRE(std::abs(picture.rgb[i] - again.rgb[i]) <= 8);
}

TEST_CASE("a JPEG has its colours at full resolution") {
  // Columns of red and blue in turns: with halved colours all of them would be the mean, 127 away.
  Image picture(64, 32);
  for (size_t i = 0; i < picture.rgb.size(); i += 3) {
    const bool red = i / 3 % 2 == 0;
    picture.rgb[i] = red ? 255 : 0;
    picture.rgb[i + 1] = 0;
    picture.rgb[i + 2] = red ? 0 : 255;
  }
  ThreadPool pool(1);
  const Image again = decode_image(encode_jpeg_rgb(picture.view()), "test", pool);
  REQUIRE(again.rgb.size() == picture.rgb.size());
  for (size_t i = 0; i < picture.rgb.size(); ++i) REQUIRE(std::abs(picture.rgb[i] - again.rgb[i]) <= 40);
}

TEST_CASE("pictures beyond a JPEG's sides are refused") {
  const std::vector<uint8_t> pixels(size_t{65536} * 3);
  CHECK_THROWS_AS(encode_jpeg_rgb({.pixels = pixels.data(), .width = 65536, .height = 1}), Error);
  CHECK_THROWS_AS(encode_jpeg_rgb({.pixels = pixels.data(), .width = 1, .height = 65536}), Error);
}

}  // namespace
}  // namespace sclip
