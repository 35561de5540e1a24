// Masks written by libpng itself are read number by number.
#include <png.h>

#include <cstring>
#include <string>
#include <vector>

#include "io/image_decode.h"
#include "io/jpeg_write.h"
#include "io/label_read.h"
#include "io/png_write.h"
#include "sclip/error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

struct Written {
  int width, height, bits, type, interlace;
  std::vector<png_byte> rows;  // as libpng wants them
};

std::vector<std::byte> write_png(const Written& w) {
  std::vector<std::byte> out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, size_t count) {
        auto& to = *static_cast<std::vector<std::byte>*>(png_get_io_ptr(p));
        const auto* bytes = reinterpret_cast<const std::byte*>(data);
        to.insert(to.end(), bytes, bytes + count);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(w.width), static_cast<png_uint_32>(w.height), w.bits, w.type,
               w.interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> palette(size_t{1} << std::min(w.bits, 8), png_color{1, 2, 3});  // all alike: only indices tell
  if (w.type == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  png_write_info(png, info);
  const size_t row_bytes = png_get_rowbytes(png, info);
  std::vector<png_bytep> rows;
  std::vector<png_byte> bytes = w.rows;
  REQUIRE(bytes.size() == row_bytes * static_cast<size_t>(w.height));
  for (int y = 0; y < w.height; ++y) rows.push_back(bytes.data() + row_bytes * static_cast<size_t>(y));
  png_write_image(png, rows.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

TEST_CASE("a mask's numbers are read as they are stored", "[label_read]") {
  const auto interlace = GENERATE(PNG_INTERLACE_NONE, PNG_INTERLACE_ADAM7);
  const auto bits = GENERATE(1, 2, 4, 8, 16);
  const auto type = GENERATE(PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_PALETTE);
  if (type == PNG_COLOR_TYPE_PALETTE && bits == 16) return;
  constexpr int kWidth = 13, kHeight = 11;
  std::vector<uint16_t> numbers(kWidth * kHeight);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<uint16_t>((i * 40503U) & ((1U << bits) - 1));
  std::vector<png_byte> rows;
  for (int y = 0; y < kHeight; ++y) {
    std::vector<png_byte> row((kWidth * static_cast<size_t>(bits) + 7) / 8);
    for (int x = 0; x < kWidth; ++x) {
      const uint16_t number = numbers[static_cast<size_t>(y * kWidth + x)];
      if (bits == 16) {
        row[static_cast<size_t>(2 * x)] = static_cast<png_byte>(number >> 8);
        row[static_cast<size_t>(2 * x + 1)] = static_cast<png_byte>(number & 255);
      } else {
        const int bit = x * bits;
        row[static_cast<size_t>(bit / 8)] |= static_cast<png_byte>(number << (8 - bits - bit % 8));
      }
    }
    rows.insert(rows.end(), row.begin(), row.end());
  }
  const auto bytes = write_png({kWidth, kHeight, bits, type, interlace, rows});
  const LabelPicture read = decode_label_png(bytes, "mask");
  CHECK(read.width == kWidth);
  CHECK(read.height == kHeight);
  CHECK(read.bits == bits);
  CHECK(read.has_palette == (type == PNG_COLOR_TYPE_PALETTE));
  CHECK(read.labels == numbers);
}

TEST_CASE("alpha beside grey does not change a mask", "[label_read]") {
  const auto bytes = write_png({2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_INTERLACE_NONE, {7, 0, 200, 128}});
  CHECK(decode_label_png(bytes, "mask").labels == std::vector<uint16_t>{7, 200});
}

ErrorCode code_of(std::span<const std::byte> bytes) {
  try {
    decode_label_png(bytes, "some.png");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("some.png") != std::string::npos);
    return error.code();
  }
  return ErrorCode::kInternal;
}

TEST_CASE("what is no mask is refused by name", "[label_read]") {
  const auto colours = write_png({1, 1, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, {7, 7, 7}});
  CHECK(code_of(colours) == ErrorCode::kUnsupported);
  CHECK(code_of({}) == ErrorCode::kCorruptData);
  const std::byte jpeg[] = {std::byte{0xff}, std::byte{0xd8}, std::byte{0xff}, std::byte{0xe0}};
  CHECK(code_of(jpeg) == ErrorCode::kUnsupported);

  const auto whole = write_png(
      {64, 64, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, std::vector<png_byte>(size_t{64} * 64, png_byte{3})});
  REQUIRE(decode_label_png(whole, "whole").labels.size() == 64 * 64);
  for (const size_t kept : {size_t{9}, size_t{40}, whole.size() / 2, whole.size() - 5}) {
    CHECK(code_of(std::span(whole).first(kept)) == ErrorCode::kCorruptData);
  }
  auto flipped = whole;
  flipped[flipped.size() - 20] ^= std::byte{1};  // in the pixels' data
  CHECK(code_of(flipped) == ErrorCode::kCorruptData);
}

}  // namespace
}  // namespace sclip
