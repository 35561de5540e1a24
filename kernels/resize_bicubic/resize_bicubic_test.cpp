#include "kernels/resize_bicubic/resize_bicubic.h"

#include <limits>
#include <random>
#include <vector>

#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"
#include "tests/image_layouts.h"

namespace sclip {
namespace {

TEST_CASE("resize_bicubic equals its reference bit for bit", "[resize_bicubic]") {
  struct Sizes {
    int h0, w0;
    int64_t size;
  };
  const Sizes sizes = GENERATE(Sizes{1, 1, 224}, Sizes{1, 40, 32}, Sizes{224, 224, 224}, Sizes{37, 53, 224},
                               Sizes{360, 480, 112}, Sizes{480, 361, 224}, Sizes{1031, 769, 97}, Sizes{7, 300, 5},
                               Sizes{33, 34, 33}, Sizes{33, 36, 33}, Sizes{65, 33, 1});
  CAPTURE(sizes.h0, sizes.w0, sizes.size);
  std::mt19937 generator(11);
  std::vector<uint8_t> photo(static_cast<size_t>(int64_t{3} * sizes.h0 * sizes.w0));
  // Black and white only: overshoot on both sides must be clamped.
  for (uint8_t& p : photo) p = (generator() & 1) != 0 ? 255 : 0;
  std::vector<float> expected(static_cast<size_t>(3 * sizes.size * sizes.size));
  ResizeBicubicParams params{.src = {photo.data(), sizes.w0, sizes.h0},
                             .dst = expected.data(),
                             .size = sizes.size,
                             .mean = {122.771f, 116.746f, 104.094f},
                             .std = {68.501f, 66.632f, 70.323f}};
  ref::resize_bicubic(params);
  testing::Dut& dut = testing::Dut::get();
  auto src = dut.copy(photo);
  auto dst = dut.output<float>(expected.size());
  params.src.pixels = src.data();
  params.dst = dst.data();
  dut.stream().resize_bicubic(params);
  const std::vector<float> actual = dst.host();
  const auto equal = testing::all_close(actual.data(), expected.data(), actual.size(), 0);
  INFO(equal.message);
  CHECK(equal.ok);
}

TEST_CASE("resize_bicubic reads every layout as the RGB picture that it shows", "[resize_bicubic]") {
  struct Sizes {
    int h0, w0;
    int64_t size;
  };
  // 150 columns, so that every width of vector has full ones and a rest.
  const Sizes sizes = GENERATE(Sizes{1, 1, 3}, Sizes{37, 150, 20}, Sizes{70, 41, 64});
  testing::Dut& dut = testing::Dut::get();
  for (const testing::ImageLayout& layout : testing::image_layouts()) {
    CAPTURE(layout.name(), sizes.h0, sizes.w0);
    const std::vector<uint8_t> photo = testing::noise_photo(sizes.h0, sizes.w0, layout.order);
    std::vector<float> expected(static_cast<size_t>(3 * sizes.size * sizes.size)), reference(expected.size());
    ResizeBicubicParams params{.src = {photo.data(), sizes.w0, sizes.h0},
                               .dst = expected.data(),
                               .size = sizes.size,
                               .mean = {122.771f, 116.746f, 104.094f},
                               .std = {68.501f, 66.632f, 70.323f}};
    ref::resize_bicubic(params);

    const testing::LaidOutImage image = testing::lay_out(photo, sizes.h0, sizes.w0, layout);
    auto src = dut.copy(image.bytes);
    auto dst = dut.output<float>(expected.size());
    params.src = image.at(src.data());
    params.dst = dst.data();
    dut.stream().resize_bicubic(params);
    CHECK(dst.host() == expected);

    params.src = image.view;
    params.dst = reference.data();
    ref::resize_bicubic(params);
    CHECK(reference == expected);
  }
}

TEST_CASE("resize_bicubic refuses what it cannot read or write", "[resize_bicubic]") {
  using Catch::Contains;
  uint8_t src[24] = {};
  float dst[3] = {};
  const ResizeBicubicParams good{.src = {src, 2, 2}, .dst = dst, .size = 1};
  const auto refused = [&](auto change) {
    ResizeBicubicParams p = good;
    change(p);
    try {
      testing::Dut::get().stream().resize_bicubic(p);
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::kInvalidArgument);
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  CHECK_THAT(refused([](auto& p) { p.src.height = 0; }), Contains("the photo is empty (2×0 pixels)"));
  CHECK_THAT(refused([](auto& p) { p.src.row_stride = 5; }), Contains("rows 5 bytes apart"));
  CHECK_THAT(refused([](auto& p) { p.src.order = static_cast<ChannelOrder>(9); }), Contains("channel order 9"));
  CHECK_THAT(refused([](auto& p) { p.dst = nullptr; }), Contains("dst must be given"));
  CHECK_THAT(refused([](auto& p) { p.size = 0; }), Contains("short side of 0: it must be 1 … 65536"));
  CHECK_THAT(refused([](auto& p) {
               p.src = {p.src.pixels, 1 << 24, 1};
               p.size = 224;
             }),
             Contains("has a long one of 3758096384"));
  CHECK_THAT(refused([](auto& p) { p.mean[0] = std::numeric_limits<float>::quiet_NaN(); }),
             Contains("the mean is nan"));
  CHECK_THAT(refused([](auto& p) { p.std[1] = -1; }), Contains("the standard deviation is 1, -1, 1"));
}

}  // namespace
}  // namespace sclip
