#include "io/png_write.h"

#include <random>
#include <vector>

#include "io/image_decode.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/cpu_queue.h"

namespace sclip {
namespace {

Image random_picture(int width, int height) {
  std::mt19937 generator(5);
  Image image(width, height);
  for (uint8_t& p : image.rgb) p = static_cast<uint8_t>(generator());
  return image;
}

struct Size {
  int width, height;
};

TEST_CASE("an RGB PNG decodes to what was written") {
  // The last has several stripes; the one before, rows longer than a stripe.
  const Size size = GENERATE(Size{1, 1}, Size{3, 2}, Size{64, 65}, Size{400000, 2}, Size{1000, 900});
  const Image picture = random_picture(size.width, size.height);
  const Image decoded = decode_image(encode_png_rgb(picture.view(), *testing::cpu_queue().pool), "out.png",
                                     *testing::cpu_queue().pool, {.max_side = 1 << 20});
  REQUIRE(decoded.width == size.width);
  REQUIRE(decoded.height == size.height);
  CHECK(std::equal(picture.rgb.begin(), picture.rgb.end(), decoded.rgb.begin()));
}

TEST_CASE("the bytes of a PNG do not depend on the number of threads") {
  const Image picture = random_picture(1000, 900);
  const auto one = encode_png_rgb(picture.view(), *testing::cpu_queue(1).pool);
  const auto four = encode_png_rgb(picture.view(), *testing::cpu_queue(4).pool);
  CHECK(one == four);
}

std::vector<uint16_t> labels_below(unsigned classes, Size size) {
  std::vector<uint16_t> labels(static_cast<size_t>(size.width) * static_cast<size_t>(size.height));
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<uint16_t>(i * 7 % classes);
  return labels;
}

TEST_CASE("up to 256 classes are an indexed PNG with the palette's colours") {
  const Size size{50, 40};
  const unsigned classes = GENERATE(1u, 21u, 256u);
  const std::vector<uint16_t> labels = labels_below(classes, size);
  const std::vector<Rgb> palette = make_palette(classes, true);
  const auto bytes = encode_png_labels({labels.data(), size.width, size.height}, palette, *testing::cpu_queue().pool);
  CHECK(std::to_integer<int>(bytes[24]) == 8);  // bit depth
  CHECK(std::to_integer<int>(bytes[25]) == 3);  // indexed
  const Image decoded = decode_image(bytes, "mask.png", *testing::cpu_queue().pool);
  for (size_t i = 0; i < labels.size(); ++i) {
    REQUIRE(Rgb{decoded.rgb[3 * i], decoded.rgb[3 * i + 1], decoded.rgb[3 * i + 2]} == palette[labels[i]]);
  }
}

TEST_CASE("more than 256 classes are a 16-bit grey PNG") {
  const Size size{50, 40};
  const std::vector<uint16_t> labels = labels_below(1000, size);
  const auto bytes =
      encode_png_labels({labels.data(), size.width, size.height}, make_palette(1000, true), *testing::cpu_queue().pool);
  CHECK(std::to_integer<int>(bytes[24]) == 16);
  CHECK(std::to_integer<int>(bytes[25]) == 0);
  const Image decoded = decode_image(bytes, "mask.png", *testing::cpu_queue().pool);
  for (size_t i = 0; i < labels.size(); ++i) REQUIRE(decoded.rgb[3 * i] == labels[i] >> 8);
}

// What IHDR says, and the pixels as the decoder returns them (of 16 bits, the upper eight).
void check_grey(const std::vector<std::byte>& bytes, int bit_depth, const std::vector<uint16_t>& expected) {
  CHECK(std::to_integer<int>(bytes[24]) == bit_depth);
  CHECK(std::to_integer<int>(bytes[25]) == 0);  // grey
  const Image decoded = decode_image(bytes, "grey.png", *testing::cpu_queue().pool);
  for (size_t i = 0; i < expected.size(); ++i) {
    for (size_t c = 0; c < 3; ++c) REQUIRE(decoded.rgb[3 * i + c] == expected[i] >> (bit_depth - 8));
  }
}

TEST_CASE("a grey PNG holds the ids: in 8 bits as long as they fit") {
  const Size size{50, 40};
  const unsigned classes = GENERATE(1u, 21u, 256u, 257u, 65536u);
  const std::vector<uint16_t> labels = labels_below(classes, size);
  check_grey(encode_png_grey({labels.data(), size.width, size.height}, classes, *testing::cpu_queue().pool),
             classes <= 256 ? 8 : 16, labels);
}

TEST_CASE("a class of its own is black and white") {
  const Size size{50, 40};
  const std::vector<uint16_t> labels = labels_below(300, size);
  std::vector<uint16_t> expected;
  for (const uint16_t label : labels) expected.push_back(label == 280 ? 255 : 0);
  check_grey(encode_png_class({labels.data(), size.width, size.height}, 280, *testing::cpu_queue().pool), 8, expected);
}

TEST_CASE("a label without a class is refused") {
  const std::vector<uint16_t> labels{0, 1, 5, 0};
  CHECK_THROWS_AS(encode_png_labels({labels.data(), 2, 2}, make_palette(5, true), *testing::cpu_queue().pool), Error);
  CHECK_THROWS_AS(encode_png_grey({labels.data(), 2, 2}, 5, *testing::cpu_queue().pool), Error);
  CHECK_NOTHROW(encode_png_grey({labels.data(), 2, 2}, 6, *testing::cpu_queue().pool));
}

}  // namespace
}  // namespace sclip
