#include "kernels/resize_normalize/resize_normalize.h"

#include <limits>
#include <vector>

#include "kernels/resize_normalize/resized_size.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"
#include "tests/image_layouts.h"

namespace sclip {
namespace {

constexpr std::array<float, 3> kMean = {122.771f, 116.746f, 104.094f};
constexpr std::array<float, 3> kStd = {68.501f, 66.632f, 70.323f};

TEST_CASE("resize_normalize equals its reference bit for bit", "[resize_normalize]") {
  struct Sizes {
    int h0, w0;
    int64_t h, w;
  };
  const Sizes sizes = GENERATE(Sizes{1, 1, 336, 336}, Sizes{1, 1, 1, 1}, Sizes{1, 700, 3, 2048}, Sizes{500, 1, 336, 1},
                               Sizes{2, 2, 5, 7}, Sizes{200, 300, 100, 150}, Sizes{37, 53, 37, 53},
                               Sizes{360, 480, 336, 448}, Sizes{17, 31, 336, 613}, Sizes{1031, 769, 451, 337});
  CAPTURE(sizes.h0, sizes.w0, sizes.h, sizes.w);
  const std::vector<uint8_t> photo = testing::noise_photo(sizes.h0, sizes.w0, ChannelOrder::kRgb);
  std::vector<float> expected(static_cast<size_t>(3 * sizes.h * sizes.w));
  ResizeNormalizeParams params{.src = {photo.data(), sizes.w0, sizes.h0},
                               .dst = expected.data(),
                               .dst_height = sizes.h,
                               .dst_width = sizes.w,
                               .mean = kMean,
                               .std = kStd};
  ref::resize_normalize(params);

  testing::Dut& dut = testing::Dut::get();
  for (const size_t offset : {0, 1}) {
    auto src = dut.copy(photo, offset);
    auto dst = dut.output<float>(expected.size(), offset);
    params.src.pixels = src.data();
    params.dst = dst.data();
    dut.stream().resize_normalize(params);
    const std::vector<float> actual = dst.host();
    const auto equal = testing::all_close(actual.data(), expected.data(), actual.size(), 0);
    INFO(equal.message);
    CHECK(equal.ok);
  }
}

TEST_CASE("resize_normalize of the rows that it looks at is that of the whole photo", "[resize_normalize]") {
  struct Sizes {
    int h0;
    int64_t h;
  };
  const Sizes sizes = GENERATE(Sizes{1, 1}, Sizes{1, 5}, Sizes{2, 3}, Sizes{900, 37}, Sizes{77, 76}, Sizes{31, 100});
  constexpr int kWidth = 45;
  constexpr int64_t kDstWidth = 33;
  CAPTURE(sizes.h0, sizes.h);
  const std::vector<uint8_t> photo = testing::noise_photo(sizes.h0, kWidth, ChannelOrder::kRgb);
  std::vector<float> expected(static_cast<size_t>(3 * sizes.h * kDstWidth)), reference(expected.size());
  ResizeNormalizeParams params{.src = {photo.data(), kWidth, sizes.h0},
                               .dst = expected.data(),
                               .dst_height = sizes.h,
                               .dst_width = kDstWidth,
                               .mean = kMean,
                               .std = kStd};
  ref::resize_normalize(params);

  std::vector<uint8_t> pairs;
  for (int64_t y = 0; y < sizes.h; ++y) {
    const SourceRows rows = source_rows(y, sizes.h0, sizes.h);
    for (const int64_t row : {rows.upper, rows.lower}) {
      pairs.insert(pairs.end(), photo.begin() + row * kWidth * 3, photo.begin() + (row + 1) * kWidth * 3);
    }
  }
  testing::Dut& dut = testing::Dut::get();
  auto src = dut.copy(pairs);
  auto dst = dut.output<float>(expected.size());
  params.src = {src.data(), kWidth, static_cast<int>(2 * sizes.h)};
  params.photo_height = sizes.h0;
  params.dst = dst.data();
  dut.stream().resize_normalize(params);
  CHECK(dst.host() == expected);
  params.src.pixels = pairs.data();
  params.dst = reference.data();
  ref::resize_normalize(params);
  CHECK(reference == expected);
}

TEST_CASE("resize_normalize reads every layout as the RGB picture that it shows", "[resize_normalize]") {
  struct Sizes {
    int h0, w0;
    int64_t h, w;
  };
  const Sizes sizes = GENERATE(Sizes{1, 1, 3, 2}, Sizes{37, 53, 20, 70}, Sizes{60, 41, 113, 35});
  testing::Dut& dut = testing::Dut::get();
  for (const testing::ImageLayout& layout : testing::image_layouts()) {
    CAPTURE(layout.name(), sizes.h0, sizes.w0);
    const std::vector<uint8_t> photo = testing::noise_photo(sizes.h0, sizes.w0, layout.order);
    std::vector<float> expected(static_cast<size_t>(3 * sizes.h * sizes.w)), reference(expected.size());
    ResizeNormalizeParams params{.src = {photo.data(), sizes.w0, sizes.h0},
                                 .dst = expected.data(),
                                 .dst_height = sizes.h,
                                 .dst_width = sizes.w,
                                 .mean = kMean,
                                 .std = kStd};
    ref::resize_normalize(params);

    const testing::LaidOutImage image = testing::lay_out(photo, sizes.h0, sizes.w0, layout);
    auto src = dut.copy(image.bytes);
    auto dst = dut.output<float>(expected.size());
    params.src = image.at(src.data());
    params.dst = dst.data();
    dut.stream().resize_normalize(params);
    CHECK(dst.host() == expected);

    params.src = image.view;
    params.dst = reference.data();
    ref::resize_normalize(params);
    CHECK(reference == expected);
  }
}

TEST_CASE("resize_normalize refuses what it cannot read or write", "[resize_normalize]") {
  using Catch::Contains;
  uint8_t src[24] = {};
  float dst[3] = {};
  const ResizeNormalizeParams good{.src = {src, 2, 2}, .dst = dst, .dst_height = 1, .dst_width = 1};
  const auto refused = [&](auto change) {
    ResizeNormalizeParams p = good;
    change(p);
    try {
      testing::Dut::get().stream().resize_normalize(p);
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::kInvalidArgument);
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  CHECK_THAT(refused([](auto& p) { p.src.pixels = nullptr; }), Contains("the photo is empty (2×2 pixels, no memory)"));
  CHECK_THAT(refused([](auto& p) { p.src.width = 0; }), Contains("the photo is empty (0×2 pixels)"));
  CHECK_THAT(refused([](auto& p) { p.src.height = -3; }), Contains("the photo is empty (2×-3 pixels)"));
  CHECK_THAT(refused([](auto& p) { p.src.width = (1 << 24) + 1; }), Contains("a side may have 16777216"));
  CHECK_THAT(refused([](auto& p) { p.src.row_stride = 5; }),
             Contains("rows 5 bytes apart, and a row of 2 RGB pixels takes 6"));
  CHECK_THAT(refused([](auto& p) { p.src.row_stride = -5; }), Contains("rows -5 bytes apart"));
  CHECK_THAT(refused([](auto& p) {
               p.src.row_stride = 7;
               p.src.order = ChannelOrder::kBgra;
             }),
             Contains("a row of 2 BGRA pixels takes 8"));
  CHECK_THAT(refused([](auto& p) { p.src.row_stride = std::numeric_limits<int64_t>::min(); }), Contains("at most"));
  CHECK_THAT(refused([](auto& p) { p.src.order = static_cast<ChannelOrder>(5); }), Contains("channel order 5"));
  CHECK_THAT(refused([](auto& p) { p.dst = nullptr; }), Contains("dst must be given"));
  CHECK_THAT(refused([](auto& p) { p.photo_height = 9, p.src.height = 3; }), Contains("3 rows of a photo of 9"));
  CHECK_THAT(refused([](auto& p) { p.dst_height = 0; }), Contains("cannot resize 2 × 2 pixels to 1 × 0"));
  CHECK_THAT(refused([&](auto& p) { p.mean[1] = nan; }), Contains("the mean is 0, nan, 0"));
  CHECK_THAT(refused([&](auto& p) { p.std[2] = infinity; }), Contains("the standard deviation is 1, 1, inf"));
  CHECK_THAT(refused([](auto& p) { p.std[0] = 0; }), Contains("the standard deviation is 0, 1, 1"));
}

TEST_CASE("resized_size keeps the short side, and the limit of the long one", "[resize_normalize][cpu]") {
  CHECK(resized_size(360, 480, 336) == ImageSize{336, 448});
  CHECK(resized_size(480, 360, 336) == ImageSize{448, 336});
  CHECK(resized_size(1024, 2048, 560) == ImageSize{560, 1120});
  CHECK(resized_size(427, 640, 336) == ImageSize{336, 504});
  CHECK(resized_size(100, 5000, 336) == ImageSize{41, 2048});
  CHECK(resized_size(1, 1, 336) == ImageSize{336, 336});
  CHECK(resized_size(1, 50000, 336) == ImageSize{1, 2048});
  CHECK(resized_size(10, 10, kMaxImageSide, kMaxImageSide) == ImageSize{kMaxImageSide, kMaxImageSide});
  CHECK_THROWS_WITH(resized_size(10, 20, 2000000000, 2000000000),
                    Catch::Contains("becomes 2000000000×1000000000; a side may have 16777216"));
  CHECK_THROWS_WITH(resized_size(0, 20, 336), Catch::Contains("cannot resize 20×0 pixels"));
  CHECK_THROWS_WITH(resized_size(10, 20, 0), Catch::Contains("a short side of 0"));
}

}  // namespace
}  // namespace sclip
