#include "io/image_decode.h"

#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/npy.h"
#include "io/decode/formats.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/cpu_queue.h"

namespace sclip {
namespace {

using Catch::Matchers::Contains;

const std::string kImages = std::string(SCLIP_SOURCE_DIR) + "/tests/data/images/";

const char* const kLossless[] = {"rgb.png",          "rgba.png",         "grey.png",         "grey_alpha.png",
                                 "palette.png",      "one_bit.png",      "rgb16.png",        "grey16.png",
                                 "rgb.bmp",          "palette.bmp",      "raw.tga",          "rle.tga",
                                 "palette.gif",      "rgb.ppm",          "grey.pgm",         "rgb.psd",
                                 "orientation1.png", "orientation2.png", "orientation3.png", "orientation4.png",
                                 "orientation5.png", "orientation6.png", "orientation7.png", "orientation8.png"};
const char* const kLossy[] = {"full.jpg", "subsampled.jpg", "progressive.jpg",
                              "grey.jpg", "cmyk.jpg",       "orientation6.jpg"};

int largest_difference(const Image& image, const std::string& expected_file) {
  const NpyArray expected = read_npy(expected_file);
  REQUIRE(expected.shape == Shape{image.height, image.width, 3});
  int largest = 0;
  for (size_t i = 0; i < image.rgb.size(); ++i) {
    largest = std::max(largest, std::abs(int{image.rgb[i]} - int{expected.as<uint8_t>()[i]}));
  }
  return largest;
}

std::string error_of(const std::vector<std::byte>& bytes, const std::string& name, ErrorCode code) {
  try {
    decode_image(bytes, name, *testing::cpu_queue().pool);
  } catch (const Error& error) {
    CHECK(error.code() == code);
    CHECK_THAT(error.what(), Contains(name) && !Contains("\n"));
    return error.what();
  }
  FAIL("decoding " << name << " succeeded");
  return {};
}

std::vector<std::byte> to_bytes(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

TEST_CASE("lossless pictures decode to the pixels that Pillow sees") {
  const std::string name = GENERATE(from_range(std::begin(kLossless), std::end(kLossless)));
  CAPTURE(name);
  CHECK(largest_difference(load_image(kImages + name, *testing::cpu_queue().pool), kImages + name + ".npy") == 0);
}

TEST_CASE("JPEG decodes to the pixels that Pillow sees, and without libjpeg-turbo nearly so") {
  const std::string name = GENERATE(from_range(std::begin(kLossy), std::end(kLossy)));
  CAPTURE(name);
  // Other decoders differ by rounding in the transform and, more, in how they enlarge subsampled colour.
  const bool subsampled = name == "subsampled.jpg" || name == "progressive.jpg";
  const bool by_stb = find_picture_format(read_file(kImages + name), name)->open == open_jpeg_stb;
  CHECK(largest_difference(load_image(kImages + name, *testing::cpu_queue().pool), kImages + name + ".npy") <=
        (!by_stb      ? 0
         : subsampled ? 12
                      : 4));
}

TEST_CASE("a picture cut off anywhere is an error, or still whole") {
  std::vector<std::string> names(std::begin(kLossless), std::end(kLossless));
  names.insert(names.end(), std::begin(kLossy), std::end(kLossy));
  for (const std::string& name : names) {
    CAPTURE(name);
    const std::vector<std::byte> bytes = read_file(kImages + name);
    const Image whole = decode_image(bytes, name, *testing::cpu_queue().pool);
    size_t accepted = 0;
    for (size_t size = 0; size < bytes.size(); ++size) {
      try {
        const Image image = decode_image(std::span(bytes).first(size), name, *testing::cpu_queue().pool);
        REQUIRE(image.rgb.size() == whole.rgb.size());
        REQUIRE(std::memcmp(image.rgb.data(), whole.rgb.data(), whole.rgb.size()) == 0);
        ++accepted;
      } catch (const Error& error) {
        REQUIRE((error.code() == ErrorCode::kCorruptData || error.code() == ErrorCode::kUnsupported));
        REQUIRE_THAT(error.what(), Contains(name));
      }
    }
    // Nothing but trailers without pixels: GIF's end mark, TGA's footer, BMP's padding.
    CHECK(accepted <= 26);
    if (name.ends_with(".png") || name.ends_with(".jpg")) CHECK(accepted == 0);
  }
}

TEST_CASE("truncation is called by its name") {
  std::vector<std::byte> bytes = read_file(kImages + "full.jpg");
  bytes.resize(bytes.size() / 2);
  CHECK_THAT(error_of(bytes, "half.jpg", ErrorCode::kCorruptData), Contains("truncated"));
  bytes = read_file(kImages + "rgb.png");
  bytes.resize(bytes.size() - 5);
  CHECK_THAT(error_of(bytes, "half.png", ErrorCode::kCorruptData), Contains("truncated"));
}

TEST_CASE("files that are no pictures are refused with the reason") {
  CHECK_THAT(error_of({}, "nothing.jpg", ErrorCode::kCorruptData), Contains("empty"));
  CHECK_THAT(error_of(to_bytes("Dear diary, today I renamed a text file."), "diary.jpg", ErrorCode::kUnsupported),
             Contains("not a picture"));
  CHECK_THAT(error_of(to_bytes(std::string_view("\0\0\0\x0cJXL \r\n\x87\n", 12)), "new.jpg", ErrorCode::kUnsupported),
             Contains("JPEG XL"));
  CHECK_THROWS_WITH(load_image(kImages + "missing.png", *testing::cpu_queue().pool), Contains("missing.png"));
}

TEST_CASE("the content decides, not the name") {
  const Image image = decode_image(read_file(kImages + "rgb.png"), "renamed.jpg", *testing::cpu_queue().pool);
  CHECK(largest_difference(image, kImages + "rgb.png.npy") == 0);
}

TEST_CASE("a flipped bit in a PNG is noticed") {
  std::vector<std::byte> bytes = read_file(kImages + "rgb.png");
  bytes[bytes.size() / 2] ^= std::byte{0x10};
  CHECK_THAT(error_of(bytes, "flipped.png", ErrorCode::kCorruptData), Contains("checksum"));
}

void put_u32(std::vector<std::byte>& bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::byte>(value >> (24 - 8 * i) & 255);
}

TEST_CASE("enormous pictures are refused from their header, at once", "[timing]") {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::byte> png = read_file(kImages + "rgb.png");
  put_u32(png, 16, 50000);
  put_u32(png, 20, 50000);
  put_u32(png, 29, static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(png.data() + 12), 17)));
  CHECK_THAT(error_of(png, "huge.png", ErrorCode::kUnsupported), Contains("50000 × 50000"));

  std::vector<std::byte> jpeg = read_file(kImages + "full.jpg");
  for (size_t i = 0; i + 9 < jpeg.size(); ++i) {
    if (jpeg[i] == std::byte{0xff} && jpeg[i + 1] == std::byte{0xc0}) {
      put_u32(jpeg, i + 5, 50000u << 16 | 50000u);
      break;
    }
  }
  CHECK_THAT(error_of(jpeg, "huge.jpg", ErrorCode::kUnsupported), Contains("50000 × 50000"));
  CHECK_THAT(error_of(to_bytes("P6 50000 50000 255\n"), "huge.ppm", ErrorCode::kUnsupported),
             Contains("50000 × 50000"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(500));
}

TEST_CASE("a JPEG whose Huffman table has more codes than there are bytes is refused") {
  std::vector<std::byte> bytes = read_file(kImages + "full.jpg");
  const std::byte marker[] = {std::byte{0xff}, std::byte{0xc4}};
  const auto table = std::search(bytes.begin(), bytes.end(), std::begin(marker), std::end(marker));
  REQUIRE(table != bytes.end());
  *(table + 19) = *(table + 20) = std::byte{200};  // codes of 15 and 16 bits
  CHECK_THAT(error_of(bytes, "codes.jpg", ErrorCode::kCorruptData), Contains("Huffman"));
}

TEST_CASE("PNM is scaled from its own maximum, in one byte or two") {
  const auto first_pixel = [](std::string_view text) {
    const Image image = decode_image(to_bytes(text), "a.pnm", *testing::cpu_queue().pool);
    return std::vector<int>(image.rgb.begin(), image.rgb.begin() + 3);
  };
  CHECK(first_pixel("P5 1 1 255\n\x40") == std::vector<int>{64, 64, 64});
  CHECK(first_pixel("P5\n# a comment\n1 1\n15\n\x0f") == std::vector<int>{255, 255, 255});
  CHECK(first_pixel("P5 1 1 65535\n\x80\x7f") == std::vector<int>{128, 128, 128});
  CHECK(first_pixel("P6 1 1 100\n\x64\x32\x01") == std::vector<int>{255, 128, 3});
  for (const char* text : {"P5", "P5 1", "P5 1 1 ", "P5 0 1 255\nx", "P5 1 1 70000\nxx", "P5 9999999999 1 255\nx"}) {
    CAPTURE(text);
    CHECK_THAT(error_of(to_bytes(text), "a.pnm", ErrorCode::kCorruptData), Contains("PNM"));
  }
}

TEST_CASE("limits can be set") {
  const std::vector<std::byte> bytes = read_file(kImages + "rgb.png");  // 18 × 13
  CHECK_NOTHROW(decode_image(bytes, "a.png", *testing::cpu_queue().pool, {.max_pixels = 18 * 13, .max_side = 18}));
  CHECK_THROWS_AS(decode_image(bytes, "a.png", *testing::cpu_queue().pool, {.max_pixels = 18 * 13 - 1, .max_side = 18}),
                  Error);
  CHECK_THROWS_AS(decode_image(bytes, "a.png", *testing::cpu_queue().pool, {.max_pixels = 18 * 13, .max_side = 17}),
                  Error);
}

}  // namespace
}  // namespace sclip
