#include "kernels/pamr/pamr.h"

#include <cmath>
#include <vector>

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

struct Case {
  int64_t image_h, image_w, h, w, count;
  int64_t iterations = 10;
  PamrDilations dilations = {8, 16};
};

// The refined planes, by the oracle and by the device under test; a call takes `group` planes.
struct Results {
  std::vector<float> expected, actual;
};

Results run(const Case& c, const std::vector<float>& image, const std::vector<float>& planes, int64_t group = 1000) {
  Results out{planes, {}};
  const auto weight_count = static_cast<size_t>(pamr_neighbours(c.dilations) * c.h * c.w);
  PamrWeightsParams w{.image = image.data(),
                      .image_height = c.image_h,
                      .image_width = c.image_w,
                      .height = c.h,
                      .width = c.w,
                      .dilations = c.dilations};
  PamrParams p{.height = c.h,
               .width = c.w,
               .dilations = c.dilations,
               .planes = out.expected.data(),
               .count = c.count,
               .iterations = c.iterations};
  std::vector<double> expected_weights(weight_count);
  ref::pamr_weights(w, expected_weights.data());
  ref::pamr(expected_weights.data(), p);

  testing::Dut& dut = testing::Dut::get();
  auto image_device = dut.copy(image), planes_device = dut.copy(planes), weights = dut.output<float>(weight_count);
  w.image = image_device.data();
  w.weights = weights.data();
  dut.stream().pamr_weights(w);
  p.weights = weights.data();
  for (int64_t first = 0; first < c.count; first += group) {
    p.planes = planes_device.data() + first * c.h * c.w;
    p.count = std::min(group, c.count - first);
    dut.stream().pamr(p);
  }
  out.actual = planes_device.host();
  return out;
}

}  // namespace

TEST_CASE("pamr agrees with the oracle", "[pamr]") {
  const Case c = GENERATE(Case{1, 1, 1, 1, 1}, Case{1, 9, 1, 40, 2}, Case{9, 1, 40, 1, 2}, Case{7, 5, 7, 5, 3},
                          Case{22, 43, 33, 65, 5}, Case{70, 131, 35, 66, 2, 3}, Case{40, 64, 48, 64, 1, 1},
                          Case{20, 30, 17, 129, 9, 2, {1, 0}}, Case{20, 30, 31, 50, 2, 4, {32, 3}},
                          Case{20, 30, 20, 30, 2, 0}, Case{11, 13, 16, 16, 600, 1});
  CAPTURE(c.image_h, c.image_w, c.h, c.w, c.count, c.iterations, c.dilations[0], c.dilations[1]);
  const auto image = random_normal(static_cast<size_t>(3 * c.image_h * c.image_w), 1);
  const auto planes = random_normal(static_cast<size_t>(c.count * c.h * c.w), 2, 0.2f, 0.04f);
  const Results r = run(c, image, planes);
  // The guide is right to 4 eps of its largest values, about 4; where σ is 0.1 or more, its quotient by 0.1 σ, and with
  // it the softmax's argument, to 4 · 4 · 2 · 10 / 0.1 = 3200 eps and its own few eps of 60. Twice that is the relative
  // error of a weight; a weighted mean moves by that much of the planes' spread (0.16 from the mean), an iteration more
  // each.
  const double tolerance = 0x1p-24 * (2 * 3500 * 0.16 + 16 * 0.4) * static_cast<double>(c.iterations);
  const auto same = testing::all_close(r.actual.data(), r.expected.data(), r.actual.size(), tolerance);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("pamr without anything to tell pixels apart averages their neighbours", "[pamr]") {
  // σ and every difference are 0: the weights must be equal, not NaN, and no rounding of the guide may show.
  const Case c{5, 7, 40, 50, 2, 1};
  const std::vector<float> image(static_cast<size_t>(3 * c.image_h * c.image_w), 0.7f);
  const auto planes = random_normal(static_cast<size_t>(c.count * c.h * c.w), 2);
  const Results r = run(c, image, planes);
  const auto same = testing::all_close(r.actual.data(), r.expected.data(), r.actual.size(), 32 * 0x1p-24 * 4);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("pamr keeps a constant plane, and the two sides of an edge apart", "[pamr]") {
  const Case c{48, 48, 48, 48, 2};
  std::vector<float> image(static_cast<size_t>(3 * c.h * c.w)), planes(static_cast<size_t>(c.count * c.h * c.w), 0.5f);
  for (size_t i = 0; i < image.size(); ++i) image[i] = i % 48 < 24 ? -1.0f : 1.0f;
  for (size_t i = 0; i < 48 * 48; ++i) planes[i] = i % 48 < 24 ? 0.0f : 1.0f;
  const Results r = run(c, image, planes);
  for (size_t i = 0; i < 48 * 48; ++i) {
    REQUIRE(std::abs(r.actual[48 * 48 + i] - 0.5f) < 1e-5f);
    REQUIRE(std::abs(r.actual[i] - planes[i]) < 1e-4f);
  }
}

TEST_CASE("pamr's planes do not depend on how they are grouped, to the last bit", "[pamr]") {
  const Case c{30, 41, 61, 87, 7, 3};
  const auto image = random_normal(static_cast<size_t>(3 * c.image_h * c.image_w), 1);
  const auto planes = random_normal(static_cast<size_t>(c.count * c.h * c.w), 2, 0.2f, 0.04f);
  const std::vector<float> all = run(c, image, planes).actual;
  CHECK(run(c, image, planes, 1).actual == all);
  CHECK(run(c, image, planes, 3).actual == all);
}

TEST_CASE("pamr does not depend on the number of threads, to the last bit", "[pamr][cpu]") {
  // Bands of 128 rows: 1, 2 and 5 of them.
  const int64_t height = 700, width = 37, count = 5;
  const auto image = random_normal(static_cast<size_t>(3 * height * width), 1);
  const auto planes = random_normal(static_cast<size_t>(count * height * width), 2, 0.2f, 0.04f);
  const auto with_threads = [&](int threads) {
    std::vector<float> weights(static_cast<size_t>(16 * height * width)), refined = planes;
    pamr_weights_cpu({.image = image.data(),
                      .image_height = height,
                      .image_width = width,
                      .height = height,
                      .width = width,
                      .weights = weights.data()},
                     testing::cpu_queue(threads));
    pamr_cpu({.weights = weights.data(), .height = height, .width = width, .planes = refined.data(), .count = count},
             testing::cpu_queue(threads));
    return refined;
  };
  const std::vector<float> one = with_threads(1);
  CHECK(with_threads(2) == one);
  CHECK(with_threads(3) == one);
}

TEST_CASE("pamr_weights of a window in a picture are those of the window by itself", "[pamr]") {
  const int64_t picture_h = 30, picture_w = 50, h = 17, w = 23;
  const std::vector<PatchOrigin> corners = {{0, 0}, {27, 13}, {5, 2}};
  const auto picture = random_normal(static_cast<size_t>(3 * picture_h * picture_w), 1);
  testing::Dut& dut = testing::Dut::get();
  auto picture_device = dut.copy(picture);
  auto corners_device = dut.copy(corners);
  for (size_t i = 0; i < corners.size(); ++i) {
    std::vector<float> window;
    for (int64_t c = 0; c < 3; ++c) {
      for (int64_t y = 0; y < h; ++y) {
        const float* row = picture.data() + (c * picture_h + y + corners[i].y) * picture_w + corners[i].x;
        window.insert(window.end(), row, row + w);
      }
    }
    auto window_device = dut.copy(window);
    auto alone = dut.output<float>(static_cast<size_t>(16 * h * w)), inside = dut.output<float>(alone.size());
    PamrWeightsParams p{.image = window_device.data(),
                        .image_height = h,
                        .image_width = w,
                        .height = h,
                        .width = w,
                        .weights = alone.data()};
    dut.stream().pamr_weights(p);
    std::vector<double> expected(static_cast<size_t>(16 * h * w)), expected_inside(expected.size());
    p.image = window.data();
    ref::pamr_weights(p, expected.data());
    p.image = picture.data();
    p.image_row_stride = picture_w;
    p.image_plane_stride = picture_h * picture_w;
    p.corner = &corners[i];
    ref::pamr_weights(p, expected_inside.data());
    p.image = picture_device.data();
    p.corner = corners_device.data() + i;
    p.weights = inside.data();
    dut.stream().pamr_weights(p);
    CAPTURE(i);
    CHECK(expected == expected_inside);
    CHECK(alone.host() == inside.host());
  }
}

TEST_CASE("pamr_group fits a limit, in calls of about equal size", "[pamr]") {
  constexpr int64_t h = 3000, w = 4000;
  constexpr size_t plane = sizeof(float) * h * w;
  // 16 weights and two for each plane.
  CHECK(pamr_group(h, w, {8, 16}, 171, plane * (16 + 2 * 4)) == 4);
  CHECK(pamr_group(h, w, {8, 0}, 171, plane * (16 + 2 * 4)) == 8);
  CHECK(pamr_group(h, w, {8, 16}, 171, plane * (16 + 2 * 171)) == 171);
  CHECK(pamr_group(h, w, {8, 16}, 171, plane * (16 + 2 * 100)) == 86);  // 86 and 85, not 100 and 71
  CHECK(pamr_group(h, w, {8, 16}, 3, plane * 100) == 3);
  CHECK(pamr_group(h, w, {8, 16}, 171, 0) == 1);
}

TEST_CASE("pamr refuses parameters that cannot work", "[pamr]") {
  float x[16] = {};
  PamrWeightsParams w{.image = x, .image_height = 1, .image_width = 1, .height = 1, .width = 1, .weights = x};
  PamrParams p{.weights = x, .height = 1, .width = 1, .planes = x, .count = 1};
  SECTION("no planes") {
    p.count = 0;
    CHECK_THROWS_AS(testing::Dut::get().stream().pamr(p), Error);
  }
  SECTION("a negative number of iterations") {
    p.iterations = -1;
    CHECK_THROWS_AS(testing::Dut::get().stream().pamr(p), Error);
  }
  SECTION("a dilation of 0") {
    w.dilations[0] = p.dilations[0] = 0;
    CHECK_THROWS_AS(testing::Dut::get().stream().pamr(p), Error);
    CHECK_THROWS_AS(testing::Dut::get().stream().pamr_weights(w), Error);
  }
  SECTION("a dilation beyond the margin") {
    w.dilations[1] = p.dilations[1] = 33;
    CHECK_THROWS_AS(testing::Dut::get().stream().pamr(p), Error);
    CHECK_THROWS_AS(testing::Dut::get().stream().pamr_weights(w), Error);
  }
  SECTION("no image") {
    w.image = nullptr;
    CHECK_THROWS_AS(testing::Dut::get().stream().pamr_weights(w), Error);
  }
  SECTION("rows that overlap") {
    w.image_width = 2;
    w.image_row_stride = 1;
    CHECK_THROWS_AS(testing::Dut::get().stream().pamr_weights(w), Error);
  }
  SECTION("an image without rows") {
    w.image_height = 0;
    CHECK_THROWS_AS(testing::Dut::get().stream().pamr_weights(w), Error);
  }
}
