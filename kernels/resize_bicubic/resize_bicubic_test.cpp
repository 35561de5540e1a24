#include "kernels/resize_bicubic/resize_bicubic.h"

#include <random>
#include <vector>

#include "core/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

namespace sclip {
namespace {

TEST_CASE("resize_bicubic equals its reference bit for bit", "[resize_bicubic]") {
  struct Sizes {
    int64_t h0, w0, size;
  };
  const Sizes sizes = GENERATE(Sizes{1, 1, 224}, Sizes{1, 40, 32}, Sizes{224, 224, 224}, Sizes{37, 53, 224},
                               Sizes{360, 480, 112}, Sizes{480, 361, 224}, Sizes{1031, 769, 97}, Sizes{7, 300, 5},
                               Sizes{33, 34, 33}, Sizes{33, 36, 33}, Sizes{65, 33, 1});
  CAPTURE(sizes.h0, sizes.w0, sizes.size);
  std::mt19937 generator(11);
  std::vector<uint8_t> photo(static_cast<size_t>(sizes.h0 * sizes.w0 * 3));
  // Black and white only: overshoot on both sides must be clamped.
  for (uint8_t& p : photo) p = (generator() & 1) != 0 ? 255 : 0;
  std::vector<float> expected(static_cast<size_t>(3 * sizes.size * sizes.size));
  ResizeBicubicParams params{.src = photo.data(),
                             .dst = expected.data(),
                             .src_height = sizes.h0,
                             .src_width = sizes.w0,
                             .size = sizes.size,
                             .mean = {122.771f, 116.746f, 104.094f},
                             .std = {68.501f, 66.632f, 70.323f}};
  ref::resize_bicubic(params);
  testing::Dut& dut = testing::Dut::get();
  auto src = dut.copy(photo);
  auto dst = dut.output<float>(expected.size());
  params.src = src.data();
  params.dst = dst.data();
  dut.stream().resize_bicubic(params);
  const std::vector<float> actual = dst.host();
  const auto equal = testing::all_close(actual.data(), expected.data(), actual.size(), 0);
  INFO(equal.message);
  CHECK(equal.ok);
}

TEST_CASE("resize_bicubic refuses empty pictures", "[resize_bicubic]") {
  uint8_t src[3] = {};
  float dst[3] = {};
  const ResizeBicubicParams params{.src = src, .dst = dst, .src_height = 0, .src_width = 1, .size = 1};
  CHECK_THROWS_AS(testing::Dut::get().stream().resize_bicubic(params), Error);
}

}  // namespace
}  // namespace sclip
