// ImageView: what its checks refuse, and how rows are packed.
#include "sclip/image_view.h"

#include "io/orient.h"
#include "io/overlay_picture.h"
#include "io/png_write.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/cpu_queue.h"
#include "tests/image_layouts.h"

using namespace sclip;
using Catch::Contains;

namespace {

ThreadPool& pool() {
  return *testing::cpu_queue().pool;
}

}  // namespace

TEST_CASE("packed rows are the picture's rows, in its own channel order", "[image_view]") {
  const std::vector<uint8_t> photo = testing::noise_photo(5, 7, ChannelOrder::kGrey);
  for (const testing::ImageLayout& layout : testing::image_layouts()) {
    CAPTURE(layout.name());
    const testing::LaidOutImage image = testing::lay_out(photo, 5, 7, layout);
    std::vector<uint8_t> packed(static_cast<size_t>(image.view.packed_bytes()));
    pack_rows(image.view, packed.data());
    const ImageView view = image.view.packed_at(packed.data());
    check_image(view, "the packed picture");
    CHECK(view.is_packed());
    CHECK(view.order == layout.order);
    const PixelLayout pixel = pixel_layout(layout.order);
    size_t different = 0;
    for (int y = 0; y < 5; ++y) {
      for (int x = 0; x < 7; ++x) {
        different += view.row(y)[x * pixel.bytes + pixel.red] != photo[static_cast<size_t>((y * 7 + x) * 3)];
      }
    }
    CHECK(different == 0);
  }
}

TEST_CASE("a row stride is allowed from a row up, in either direction", "[image_view]") {
  const uint8_t pixels[64] = {};
  for (const int64_t stride : {int64_t{0}, int64_t{6}, int64_t{-6}, int64_t{7}, int64_t{-1000}, kMaxRowStride}) {
    CAPTURE(stride);
    CHECK_NOTHROW(check_image({pixels, 2, 2, stride}, "it"));
  }
  for (const int64_t stride : {int64_t{1}, int64_t{5}, int64_t{-5}}) {
    CHECK_THROWS_WITH(check_image({pixels, 2, 2, stride}, "it"), Contains("takes 6"));
  }
  CHECK_THROWS_WITH(check_image({pixels, 2, 2, kMaxRowStride + 1}, "it"),
                    Contains("it has rows") && Contains("at most"));
}

TEST_CASE("what draws and writes pictures asks for RGB", "[image_view]") {
  const std::vector<uint8_t> photo = testing::noise_photo(4, 6, ChannelOrder::kRgb);
  const std::vector<uint16_t> labels(24, 0);
  const testing::LaidOutImage bgr = testing::lay_out(photo, 4, 6, {.order = ChannelOrder::kBgr});
  CHECK_THROWS_WITH(encode_png_rgb(bgr.view, pool()), Contains("is BGR; RGB is needed"));
  CHECK_THROWS_WITH(oriented_copy(bgr.view, 1, pool()), Contains("is BGR"));
  CHECK_THROWS_WITH(draw_overlay(bgr.view, {labels.data(), 6, 4}, {}, pool(), false), Contains("is BGR"));
  const testing::LaidOutImage strided = testing::lay_out(photo, 4, 6, {.gap = 3});
  CHECK_THROWS_WITH(draw_overlay(strided.view, {labels.data(), 6, 4}, {}, pool(), false),
                    Contains("rows 21 bytes apart"));
}

TEST_CASE("masks that are not there are refused", "[image_view]") {
  const std::vector<uint16_t> labels(24, 0);
  const std::vector<Rgb> palette(2);
  CHECK_THROWS_WITH(encode_png_labels({nullptr, 6, 4}, palette, pool()), Contains("a mask of 6×4 labels"));
  CHECK_THROWS_WITH(encode_png_class({nullptr, 6, 4}, 0, pool()), Contains("a mask of 6×4 labels"));
  CHECK_THROWS_WITH(encode_png_labels({labels.data(), 0, 4}, palette, pool()), Contains("a mask of 0×4 labels"));
  CHECK_THROWS_WITH(encode_png_labels({labels.data(), 6, 4}, {}, pool()), Contains("with 0 colours"));
  const std::vector<uint8_t> photo = testing::noise_photo(4, 6, ChannelOrder::kRgb);
  CHECK_THROWS_WITH(draw_overlay({photo.data(), 6, 4}, {nullptr, 6, 4}, {}, pool(), false), Contains("needs labels"));
}

TEST_CASE("PNG files and turned copies take any row stride", "[image_view]") {
  const std::vector<uint8_t> photo = testing::noise_photo(4, 6, ChannelOrder::kRgb);
  const ImageView plain{photo.data(), 6, 4};
  for (const testing::ImageLayout layout : {testing::ImageLayout{.gap = 3}, {.gap = 1, .bottom_up = true}}) {
    const testing::LaidOutImage image = testing::lay_out(photo, 4, 6, layout);
    CHECK(encode_png_rgb(image.view, pool()) == encode_png_rgb(plain, pool()));
    for (int orientation = 1; orientation <= 8; ++orientation) {
      CAPTURE(layout.name(), orientation);
      const Image expected = oriented_copy(plain, orientation, pool()),
                  actual = oriented_copy(image.view, orientation, pool());
      CHECK(std::equal(actual.rgb.begin(), actual.rgb.end(), expected.rgb.begin(), expected.rgb.end()));
    }
  }
}
