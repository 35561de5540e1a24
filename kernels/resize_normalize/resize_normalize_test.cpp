#include "kernels/resize_normalize/resize_normalize.h"

#include <random>
#include <vector>

#include "core/error.h"
#include "kernels/resize_normalize/resized_size.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

namespace sclip {
namespace {

std::vector<uint8_t> random_photo(int64_t height, int64_t width, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<uint8_t> photo(static_cast<size_t>(height * width * 3));
  for (uint8_t& p : photo) p = static_cast<uint8_t>(generator());
  return photo;
}

TEST_CASE("resize_normalize equals its reference bit for bit", "[resize_normalize]") {
  struct Sizes {
    int64_t h0, w0, h, w;
  };
  const Sizes sizes = GENERATE(Sizes{1, 1, 336, 336}, Sizes{1, 1, 1, 1}, Sizes{1, 700, 3, 2048}, Sizes{500, 1, 336, 1},
                               Sizes{2, 2, 5, 7}, Sizes{200, 300, 100, 150}, Sizes{37, 53, 37, 53},
                               Sizes{360, 480, 336, 448}, Sizes{17, 31, 336, 613}, Sizes{1031, 769, 451, 337});
  CAPTURE(sizes.h0, sizes.w0, sizes.h, sizes.w);
  const std::vector<uint8_t> photo = random_photo(sizes.h0, sizes.w0, 7);
  std::vector<float> expected(static_cast<size_t>(3 * sizes.h * sizes.w));
  ResizeNormalizeParams params{.src = photo.data(),
                               .dst = expected.data(),
                               .src_height = sizes.h0,
                               .src_width = sizes.w0,
                               .dst_height = sizes.h,
                               .dst_width = sizes.w,
                               .mean = {122.771f, 116.746f, 104.094f},
                               .std = {68.501f, 66.632f, 70.323f}};
  ref::resize_normalize(params);

  testing::Dut& dut = testing::Dut::get();
  for (const size_t offset : {0, 1}) {
    auto src = dut.copy(photo, offset);
    auto dst = dut.output<float>(expected.size(), offset);
    params.src = src.data();
    params.dst = dst.data();
    dut.stream().resize_normalize(params);
    const std::vector<float> actual = dst.host();
    const auto equal = testing::all_close(actual.data(), expected.data(), actual.size(), 0);
    INFO(equal.message);
    CHECK(equal.ok);
  }
}

TEST_CASE("resize_normalize refuses empty pictures", "[resize_normalize]") {
  uint8_t src[3] = {};
  float dst[3] = {};
  const ResizeNormalizeParams params{
      .src = src, .dst = dst, .src_height = 1, .src_width = 0, .dst_height = 1, .dst_width = 1};
  CHECK_THROWS_AS(testing::Dut::get().stream().resize_normalize(params), Error);
}

TEST_CASE("resized_size keeps the short side, and the limit of the long one", "[resize_normalize][cpu]") {
  CHECK(resized_size(360, 480, 336) == ImageSize{336, 448});
  CHECK(resized_size(480, 360, 336) == ImageSize{448, 336});
  CHECK(resized_size(1024, 2048, 560) == ImageSize{560, 1120});
  CHECK(resized_size(427, 640, 336) == ImageSize{336, 504});
  CHECK(resized_size(100, 5000, 336) == ImageSize{41, 2048});
  CHECK(resized_size(1, 1, 336) == ImageSize{336, 336});
  CHECK(resized_size(1, 50000, 336) == ImageSize{1, 2048});
}

}  // namespace
}  // namespace sclip
