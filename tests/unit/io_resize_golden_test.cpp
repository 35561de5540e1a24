// The two resize rules against what OpenCV and Pillow made of the same photos (tests/reference/make_resize_goldens.py).
#include <string>
#include <vector>

#include "core/npy.h"
#include "kernels/resize_bicubic/resize_bicubic.h"
#include "kernels/resize_normalize/resize_normalize.h"
#include "kernels/resize_normalize/resized_size.h"
#include "tests/catch.h"
#include "tests/cpu_queue.h"

namespace sclip {
namespace {

const std::string kResizeGoldens = std::string(SCLIP_SOURCE_DIR) + "/tests/data/resize/";

// Mean 0 and deviation 1 leave the 8-bit values in the planes.
int64_t mismatches(const std::vector<float>& planes, const NpyArray& expected) {
  const int64_t pixels = expected.shape[0] * expected.shape[1];
  int64_t count = 0;
  for (int64_t i = 0; i < pixels; ++i) {
    for (int64_t c = 0; c < 3; ++c) {
      const auto value = static_cast<float>(expected.as<uint8_t>()[i * 3 + c]);
      count += planes[static_cast<size_t>(c * pixels + i)] != value;
    }
  }
  return count;
}

ImageView view_of(const NpyArray& photo) {
  return {photo.as<uint8_t>(), static_cast<int>(photo.shape[1]), static_cast<int>(photo.shape[0])};
}

struct Case {
  std::string name;
  int64_t side;
};

TEST_CASE("opencv-linear is OpenCV's resize bit for bit") {
  const Case golden = GENERATE(Case{"tiny", 9}, Case{"down", 24}, Case{"up", 45}, Case{"half", 20}, Case{"thin", 11});
  CAPTURE(golden.name);
  const NpyArray source = read_npy(kResizeGoldens + "linear_" + golden.name + "_src.npy");
  const NpyArray expected =
      read_npy(kResizeGoldens + "linear_" + golden.name + "_" + std::to_string(golden.side) + ".npy");
  const ImageSize size = resized_size(source.shape[0], source.shape[1], golden.side);
  REQUIRE(expected.shape == Shape{size.height, size.width, 3});
  std::vector<float> planes(static_cast<size_t>(expected.shape.count()));
  resize_normalize_cpu(
      {.src = view_of(source), .dst = planes.data(), .dst_height = size.height, .dst_width = size.width},
      testing::cpu_queue());
  CHECK(mismatches(planes, expected) == 0);
}

TEST_CASE("pil-bicubic is Pillow's resize and CLIP's centre crop bit for bit") {
  const Case golden = GENERATE(Case{"tiny", 9}, Case{"down", 24}, Case{"up", 45}, Case{"odd", 33}, Case{"thin", 11});
  CAPTURE(golden.name);
  const NpyArray source = read_npy(kResizeGoldens + "bicubic_" + golden.name + "_src.npy");
  const NpyArray expected =
      read_npy(kResizeGoldens + "bicubic_" + golden.name + "_" + std::to_string(golden.side) + ".npy");
  std::vector<float> planes(static_cast<size_t>(expected.shape.count()));
  resize_bicubic_cpu({.src = view_of(source), .dst = planes.data(), .size = golden.side}, testing::cpu_queue());
  CHECK(mismatches(planes, expected) == 0);
}

}  // namespace
}  // namespace sclip
