#include "kernels/overlay/overlay.h"

#include <algorithm>
#include <random>
#include <vector>

#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/dut.h"

namespace sclip {
namespace {

// By the oracle, or on the device under test; `in_place`: over the photo itself, whose rows then have no gaps.
template <typename T>
std::vector<uint8_t> run(bool oracle, bool in_place, int64_t height, int64_t width, int64_t line, bool noise) {
  std::mt19937 generator(static_cast<uint32_t>(height * 1000 + width));
  std::vector<uint8_t> photo(static_cast<size_t>(height * width * 3));
  for (uint8_t& p : photo) p = static_cast<uint8_t>(generator());
  std::vector<T> labels(static_cast<size_t>(height * width));
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      labels[static_cast<size_t>(y * width + x)] =
          static_cast<T>(noise ? generator() % 5 : static_cast<unsigned>(y / 13 + x / 40) % 5);
  std::vector<uint8_t> colors(4 * 4);  // label 4 has no colour
  for (uint8_t& c : colors) c = static_cast<uint8_t>(generator());
  colors[3] = 0;
  colors[7] = 255;
  const int64_t stride = in_place ? 3 * width : 3 * width + 5;
  std::vector<uint8_t> dst = in_place ? photo : std::vector<uint8_t>(static_cast<size_t>(height * stride), 99);
  OverlayParams p{.photo = photo.data(),
                  .labels = labels.data(),
                  .labels_dtype = sizeof(T) == 1 ? DType::kU8 : DType::kU16,
                  .colors = colors.data(),
                  .classes = 4,
                  .dst = dst.data(),
                  .dst_stride = stride,
                  .height = height,
                  .width = width,
                  .line = line};
  if (oracle) {
    ref::overlay(p);
    return dst;
  }
  testing::Dut& dut = testing::Dut::get();
  auto photo_device = dut.copy(photo), colors_device = dut.copy(colors), dst_device = dut.copy(dst);
  auto labels_device = dut.copy(labels);
  p.photo = in_place ? dst_device.data() : photo_device.data();
  p.labels = labels_device.data();
  p.colors = colors_device.data();
  p.dst = dst_device.data();
  dut.stream().overlay(p);
  return dst_device.host();
}

TEST_CASE("overlay equals its reference, and leaves the bytes beside the rows alone", "[overlay]") {
  const int64_t height = GENERATE(1, 2, 7, 70);
  const int64_t width = GENERATE(1, 3, 64, 331);
  const int64_t line = GENERATE(0, 1, 3, 40);
  const bool noise = GENERATE(false, true);
  CAPTURE(height, width, line, noise);
  for (const bool in_place : {false, true}) {
    CHECK(run<uint8_t>(false, in_place, height, width, line, noise) ==
          run<uint8_t>(true, in_place, height, width, line, noise));
    CHECK(run<uint16_t>(false, in_place, height, width, line, noise) ==
          run<uint16_t>(true, in_place, height, width, line, noise));
  }
}

TEST_CASE("overlay refuses labels that are not integers", "[overlay]") {
  uint8_t pixel[3] = {};
  CHECK_THROWS_AS(testing::Dut::get().stream().overlay({.photo = pixel,
                                                        .labels = pixel,
                                                        .labels_dtype = DType::kF32,
                                                        .dst = pixel,
                                                        .dst_stride = 3,
                                                        .height = 1,
                                                        .width = 1}),
                  Error);
}

}  // namespace
}  // namespace sclip
