// The refinement against PyTorch's in f64 (tests/reference/make_pamr_goldens.py).
#include <string>

#include "core/npy.h"
#include "kernels/pamr/pamr.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;

namespace {

std::vector<float> values(const NpyArray& array) {
  return {array.as<float>(), array.as<float>() + array.shape.count()};
}

}  // namespace

TEST_CASE("pamr is PyTorch's to 1e-5", "[golden][device]") {
  struct Golden {
    std::string name;
    int64_t iterations;
    PamrDilations dilations;
  };
  const Golden golden = GENERATE(Golden{"usual", 10, {8, 16}}, Golden{"one-dilation", 3, {4, 0}});
  CAPTURE(golden.name);
  const auto read = [&](const char* part) {
    return read_npy(std::string(SCLIP_SOURCE_DIR) + "/tests/data/pamr/" + golden.name + "-" + part + ".npy");
  };
  const NpyArray image = read("image"), planes = read("planes");
  const std::vector<float> refined = values(read("refined"));
  const int64_t height = planes.shape[1], width = planes.shape[2];

  testing::Dut& dut = testing::Dut::get();
  auto image_device = dut.copy(values(image)), planes_device = dut.copy(values(planes));
  auto weights = dut.output<float>(static_cast<size_t>(pamr_neighbours(golden.dilations) * height * width));
  dut.stream().pamr_weights({.image = image_device.data(),
                             .image_height = image.shape[1],
                             .image_width = image.shape[2],
                             .height = height,
                             .width = width,
                             .dilations = golden.dilations,
                             .weights = weights.data()});
  dut.stream().pamr({.weights = weights.data(),
                     .height = height,
                     .width = width,
                     .dilations = golden.dilations,
                     .planes = planes_device.data(),
                     .count = planes.shape[0],
                     .iterations = golden.iterations});
  const auto same = testing::all_close(planes_device.host().data(), refined.data(), refined.size(), 1e-5);
  INFO(same.message);
  CHECK(same);
}
