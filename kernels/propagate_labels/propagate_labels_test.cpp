#include "kernels/propagate_labels/propagate_labels.h"

#include <cmath>
#include <vector>

#include "core/buffer.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

namespace sclip {
namespace {

using testing::random_normal;

struct Case {
  int64_t image_h, image_w, h, w, queries, cells = 80, iterations = 25;
};

std::vector<double> certainties(int64_t queries) {
  std::vector<double> out;
  for (int64_t k = 0; k < queries; ++k)
    out.push_back(0.91 + 0.08 * static_cast<double>(k) / static_cast<double>(queries));
  return out;
}

std::vector<float> propagate(const Case& c, const std::vector<float>& image, const std::vector<float>& planes,
                             int64_t group = 1000) {
  testing::Dut& dut = testing::Dut::get();
  auto image_device = dut.copy(image), planes_device = dut.copy(planes);
  auto certainty = dut.copy(certainties(c.queries));
  auto state = dut.output<std::byte>(propagation_bytes(c.h, c.w, c.queries, c.cells));
  PropagateLabelsParams p{.height = c.h,
                          .width = c.w,
                          .queries = c.queries,
                          .cells = c.cells,
                          .state = state.data(),
                          .image = image_device.data(),
                          .image_height = c.image_h,
                          .image_width = c.image_w,
                          .certainty = certainty.data()};
  const auto run = [&](PropagationStep step) {
    p.step = step;
    dut.stream().propagate_labels(p);
  };
  const auto each_group = [&](PropagationStep step) {
    for (p.first_query = 0; p.first_query < c.queries; p.first_query += group) {
      p.count = std::min(group, c.queries - p.first_query);
      p.planes = planes_device.data() + p.first_query * c.h * c.w;
      run(step);
    }
  };
  run(PropagationStep::kGuide);
  each_group(PropagationStep::kPool);
  run(PropagationStep::kSystem);
  for (p.iteration = 0; p.iteration < c.iterations; ++p.iteration) run(PropagationStep::kIterate);
  each_group(PropagationStep::kPlanes);
  return planes_device.host();
}

std::vector<double> expected(const Case& c, const std::vector<float>& image, const std::vector<float>& planes) {
  const std::vector<double> certainty = certainties(c.queries);
  std::vector<double> out(planes.begin(), planes.end());
  ref::propagate_labels({.height = c.h,
                         .width = c.w,
                         .queries = c.queries,
                         .cells = c.cells,
                         .image = image.data(),
                         .image_height = c.image_h,
                         .image_width = c.image_w,
                         .certainty = certainty.data()},
                        c.iterations, out.data());
  return out;
}

}  // namespace

TEST_CASE("propagate_labels agrees with the oracle", "[propagate_labels]") {
  const Case c = GENERATE(Case{1, 1, 1, 1, 1}, Case{1, 9, 1, 40, 2}, Case{9, 1, 40, 1, 2}, Case{7, 5, 7, 5, 3},
                          Case{22, 43, 33, 65, 5, 8}, Case{70, 131, 67, 120, 2, 8}, Case{40, 64, 48, 64, 1, 16},
                          Case{20, 30, 17, 129, 9, 3, 2}, Case{20, 30, 31, 50, 2, 1}, Case{20, 30, 20, 30, 2, 4, 0},
                          Case{11, 13, 41, 16, 300, 8, 3}, Case{30, 20, 90, 60, 4, 40});
  CAPTURE(c.image_h, c.image_w, c.h, c.w, c.queries, c.cells, c.iterations);
  const auto image = random_normal(static_cast<size_t>(3 * c.image_h * c.image_w), 1);
  const auto planes = random_normal(static_cast<size_t>(c.queries * c.h * c.w), 2, 0.2f, 0.04f);
  const std::vector<float> found = propagate(c, image, planes);
  const std::vector<double> wanted = expected(c, image, planes);
  // Both are double throughout: what differs is the last rounding, to the f32 of values below 0.5, and a few hundred
  // eps of double, which 25 steps on systems of this condition (below 100) raise by no more than 1e5.
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i, found[i], wanted[i]);
    REQUIRE(std::abs(static_cast<double>(found[i]) - wanted[i]) <= 0x1p-25 + 300 * 0x1p-53 * 1e5);
  }
}

TEST_CASE("propagate_labels keeps planes that are constant, of one query, or without an edge to cross",
          "[propagate_labels]") {
  const Case c{20, 30, 40, 60, 3, 10};
  SECTION("constant planes in a plain photo") {
    const std::vector<float> image(3 * 20 * 30, 0.7f);
    std::vector<float> planes;
    for (const float value : {0.1f, 0.3f, 0.2f}) planes.insert(planes.end(), 40 * 60, value);
    const std::vector<float> found = propagate(c, image, planes);
    for (size_t i = 0; i < found.size(); ++i) REQUIRE(std::abs(found[i] - planes[i]) < 1e-7f);
  }
  SECTION("a cell that is the whole photo") {
    const Case one{20, 30, 40, 40, 2, 1};
    const auto image = random_normal(3 * 20 * 30, 1);
    const auto planes = random_normal(2 * 40 * 40, 2, 0.2f, 0.04f);
    const std::vector<float> found = propagate(one, image, planes);
    for (size_t k = 0; k < 2; ++k) {
      double mean = 0;
      for (size_t i = 0; i < 1600; ++i) mean += static_cast<double>(planes[k * 1600 + i]) / 1600;
      for (size_t i = 0; i < 1600; ++i) REQUIRE(std::abs(static_cast<double>(found[k * 1600 + i]) - mean) < 1e-7);
    }
  }
}

TEST_CASE("propagate_labels solves its system, the more so the more steps it takes", "[propagate_labels]") {
  // Two queries that say the opposite left and right of the photo's only edge, with a wrong cell in the middle of the
  // left: its neighbours outvote it, and the edge keeps them from the right half.
  const Case c{24, 24, 24, 24, 2, 24};
  std::vector<float> image(3 * 24 * 24), planes(2 * 24 * 24);
  for (size_t i = 0; i < image.size(); ++i) image[i] = i % 24 < 12 ? -1.0f : 1.0f;
  for (size_t i = 0; i < 24 * 24; ++i) {
    planes[i] = i % 24 < 12 ? 1.0f : 0.0f;
    planes[24 * 24 + i] = 1.0f - planes[i];
  }
  const size_t wrong = 12 * 24 + 6;
  std::swap(planes[wrong], planes[24 * 24 + wrong]);
  const std::vector<float> found = propagate(c, image, planes);
  CHECK(found[wrong] > found[24 * 24 + wrong]);
  for (size_t y = 0; y < 24; ++y) {
    REQUIRE(found[y * 24 + 11] > 0.9f);
    REQUIRE(found[y * 24 + 12] < 0.1f);
  }
}

TEST_CASE("propagate_labels does not depend on how queries are grouped, to the last bit", "[propagate_labels]") {
  const Case c{30, 41, 61, 87, 7, 9, 3};
  const auto image = random_normal(static_cast<size_t>(3 * c.image_h * c.image_w), 1);
  const auto planes = random_normal(static_cast<size_t>(c.queries * c.h * c.w), 2, 0.2f, 0.04f);
  const std::vector<float> all = propagate(c, image, planes);
  CHECK(propagate(c, image, planes, 1) == all);
  CHECK(propagate(c, image, planes, 3) == all);
}

TEST_CASE("propagate_labels does not depend on the number of threads, to the last bit", "[propagate_labels][cpu]") {
  const int64_t height = 90, width = 100, queries = 5;
  const auto image = random_normal(static_cast<size_t>(3 * height * width), 1);
  const std::vector<double> certainty = certainties(queries);
  const auto with_threads = [&](int threads) {
    auto planes = random_normal(static_cast<size_t>(queries * height * width), 2, 0.2f, 0.04f);
    AlignedBuffer<std::byte> state(propagation_bytes(height, width, queries, 80));
    PropagateLabelsParams p{.height = height,
                            .width = width,
                            .queries = queries,
                            .state = state.data(),
                            .image = image.data(),
                            .image_height = height,
                            .image_width = width,
                            .planes = planes.data(),
                            .count = queries,
                            .certainty = certainty.data()};
    for (const auto step : {PropagationStep::kGuide, PropagationStep::kPool, PropagationStep::kSystem,
                            PropagationStep::kIterate, PropagationStep::kIterate, PropagationStep::kPlanes}) {
      p.step = step;
      propagate_labels_cpu(p, testing::cpu_queue(threads));
    }
    return planes;
  };
  const std::vector<float> one = with_threads(1);
  CHECK(with_threads(2) == one);
  CHECK(with_threads(3) == one);
}

TEST_CASE("propagation_shrink rounds halves to even", "[propagate_labels]") {
  CHECK(propagation_shrink(1, 80) == 1);
  CHECK(propagation_shrink(119, 80) == 1);
  CHECK(propagation_shrink(120, 80) == 2);
  CHECK(propagation_shrink(200, 80) == 2);
  CHECK(propagation_shrink(201, 80) == 3);
  CHECK(propagation_shrink(280, 80) == 4);
  CHECK(propagation_shrink(2048, 224) == 9);
}

TEST_CASE("propagate_labels refuses parameters that cannot work", "[propagate_labels]") {
  float x[16] = {};
  double c[2] = {1, 1};
  PropagateLabelsParams p{.height = 2,
                          .width = 2,
                          .queries = 2,
                          .state = x,
                          .image = x,
                          .image_height = 1,
                          .image_width = 1,
                          .planes = x,
                          .count = 2,
                          .certainty = c};
  const auto refused = [&] { CHECK_THROWS_AS(testing::Dut::get().stream().propagate_labels(p), Error); };
  SECTION("no queries") {
    p.queries = 0;
    refused();
  }
  SECTION("no cells") {
    p.cells = 0;
    refused();
  }
  SECTION("no state") {
    p.state = nullptr;
    refused();
  }
  SECTION("no image") {
    p.image = nullptr;
    refused();
  }
  SECTION("planes beyond the last query") {
    p.step = PropagationStep::kPool;
    p.first_query = 1;
    refused();
  }
  SECTION("no certainty") {
    p.step = PropagationStep::kSystem;
    p.certainty = nullptr;
    refused();
  }
  SECTION("an iteration before the first") {
    p.step = PropagationStep::kIterate;
    p.iteration = -1;
    refused();
  }
}

}  // namespace sclip
