#include "kernels/label_affinity/label_affinity.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/dtype.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;

namespace {

struct Found {
  std::vector<int32_t> patch_labels;
  std::vector<float> bias;
};

// Room for what is computed, bound to `p`.
struct Outputs {
  std::vector<int32_t> patch_labels;
  std::vector<double> affinity, largest;
  std::vector<float> bias;
  explicit Outputs(LabelAffinityParams& p) {
    const auto n = static_cast<size_t>(p.grid_h * p.grid_w), batch = static_cast<size_t>(p.batch);
    patch_labels.resize(batch * n);
    affinity.resize(batch * n * n);
    largest.resize(batch * n);
    bias.resize(batch * (n + 1) * (n + 1));
    p.patch_labels = patch_labels.data();
    p.affinity = affinity.data();
    p.largest = largest.data();
    p.bias = bias.data();
  }
};

Found expected(LabelAffinityParams p, const std::vector<uint16_t>& labels, const std::vector<float>& omega) {
  p.labels = labels.data();
  p.omega = omega.empty() ? nullptr : omega.data();
  Outputs out(p);
  ref::label_affinity(p);
  return {out.patch_labels, out.bias};
}

Found run(LabelAffinityParams p, const std::vector<uint16_t>& labels, const std::vector<float>& omega) {
  testing::Dut& dut = testing::Dut::get();
  const auto n = static_cast<size_t>(p.grid_h * p.grid_w), batch = static_cast<size_t>(p.batch);
  auto device_labels = dut.copy(labels);
  auto device_omega = dut.copy(omega);
  auto patch_labels = dut.output<int32_t>(batch * n);
  auto affinity = dut.output<double>(batch * n * n), largest = dut.output<double>(batch * n);
  auto bias = dut.output<float>(batch * (n + 1) * (n + 1));
  p.labels = device_labels.data();
  p.omega = omega.empty() ? nullptr : device_omega.data();
  p.patch_labels = patch_labels.data();
  p.affinity = affinity.data();
  p.largest = largest.data();
  p.bias = bias.data();
  dut.stream().label_affinity(p);
  return {patch_labels.host(), bias.host()};
}

// Blobs of few labels, so that lines leave some of them and come back.
std::vector<uint16_t> blobs(int64_t batch, int64_t height, int64_t width, uint32_t seed) {
  std::vector<uint16_t> out;
  for (int64_t b = 0; b < batch; ++b) {
    const auto phase = static_cast<double>(seed + static_cast<uint32_t>(b));
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const double wave =
            std::sin(0.11 * static_cast<double>(x) + phase) + std::cos(0.07 * static_cast<double>(y) + phase);
        out.push_back(static_cast<uint16_t>(wave > 0.6 ? 65535 : wave < -0.5 ? 2 : 40));
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("label_affinity agrees with the oracle", "[label_affinity]") {
  struct Case {
    int64_t batch, height, width, patch, grid_h, grid_w;
  };
  // Longest lines of 0, 1, 6, 8 (halves), 13, 20 (halves) and 30 (halves) patches; windows with a rest; fewer patches
  // than taps.
  const Case c =
      GENERATE(Case{1, 3, 2, 2, 1, 1}, Case{2, 9, 5, 4, 2, 1}, Case{2, 56, 56, 8, 7, 7}, Case{1, 41, 72, 8, 5, 9},
               Case{1, 112, 112, 8, 14, 14}, Case{1, 56, 85, 4, 14, 21}, Case{1, 84, 126, 4, 21, 31});
  CAPTURE(c.batch, c.height, c.width, c.patch, c.grid_h, c.grid_w);
  LabelAffinityParams p{.batch = c.batch,
                        .height = c.height,
                        .width = c.width,
                        .patch = c.patch,
                        .grid_h = c.grid_h,
                        .grid_w = c.grid_w,
                        .lambda = 0.7f};
  const auto labels = blobs(c.batch, c.height, c.width, 3);
  const Found want = expected(p, labels, {}), got = run(p, labels, {});
  CHECK(got.patch_labels == want.patch_labels);
  // Values of f16: equal, since V is in double on either side.
  CHECK(got.bias == want.bias);

  const auto n = static_cast<size_t>(c.grid_h * c.grid_w + 1);
  const auto omega = testing::random_normal(n * n, 5);
  p.scale = 1.8f;
  const Found want_sum = expected(p, labels, omega), got_sum = run(p, labels, omega);
  const auto same =
      testing::all_close(got_sum.bias.data(), want_sum.bias.data(), want_sum.bias.size(), 0x1p-22, 0x1p-23);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("label_affinity takes the most frequent label, the smallest of several", "[label_affinity]") {
  const LabelAffinityParams p{.height = 2, .width = 6, .patch = 2, .grid_h = 1, .grid_w = 3};
  const std::vector<uint16_t> labels = {9, 3, 7, 7, 4, 1,  //
                                        3, 9, 2, 7, 3, 2};
  CHECK(run(p, labels, {}).patch_labels == std::vector<int32_t>{3, 7, 1});
}

TEST_CASE("label_affinity's lines: what leaves the label decays, unless the line is not looked at so far",
          "[label_affinity]") {
  // One row of patches of 1 pixel: 1 1 2 1 1 1 1. From patch 0 to patch 3 (c = 3 of 6): of the points t = 0, 1/6, …
  // only the first four are looked at, cells 0, 0 (0.5, to even), 1, 2 (1.5, to even): patch 2 is another label, it
  // decays. To patch 1 (c = 1): cells 0, 0. By hand; smoothing and rounding come after, so V is looked at through the
  // oracle's steps.
  const LabelAffinityParams p{.height = 1, .width = 7, .patch = 1, .grid_h = 1, .grid_w = 7};
  const std::vector<uint16_t> labels = {1, 1, 2, 1, 1, 1, 1};
  const double decay3 = std::exp(-3.0 / 6), decay4 = std::exp(-4.0 / 6), decay5 = std::exp(-5.0 / 6),
               decay6 = std::exp(-1.0);
  // From patch 0 to 4: cells 0, 1 (0.67), 1, 2, …: leaves. To 5 and 6: leaves.
  const std::vector<double> v = {1, 1, 0, decay3, decay4, decay5, decay6};
  std::vector<double> kernel, smooth;
  for (int k = -3; k <= 3; ++k) kernel.push_back(std::exp(-k * k / 50.0));
  double total = 0, sum = 0;
  for (const double k : kernel) total += k;
  for (int j = 0; j < 7; ++j) {
    double s = 0;
    for (int k = 0; k < 7; ++k) {
      if (j + k - 3 >= 0 && j + k - 3 < 7)
        s += kernel[static_cast<size_t>(k)] / total * v[static_cast<size_t>(j + k - 3)];
    }
    smooth.push_back(s);
    sum += s;
  }
  const Found got = run(p, labels, {});
  // The row's own shape: ratios to its first entry, which f16 keeps to 2^-11 each.
  for (size_t j = 0; j < 7; ++j) {
    CAPTURE(j);
    CHECK(std::abs(got.bias[8 + 1 + j] / got.bias[8 + 1] - smooth[j] / smooth[0]) <=
          2.5 * 0x1p-11 * smooth[j] / smooth[0]);
  }
  for (size_t j = 0; j < 8; ++j) CHECK((got.bias[j] == 0 && got.bias[8 * j] == 0));
  CHECK(sum > 0);
}

TEST_CASE("label_affinity rounds to f16 twice", "[label_affinity]") {
  const LabelAffinityParams p{.height = 14, .width = 14, .patch = 1, .grid_h = 14, .grid_w = 14, .lambda = 0.7f};
  const auto labels = blobs(1, 14, 14, 9);
  LabelAffinityParams plain = p;
  plain.lambda = 1;
  const Found with = run(p, labels, {}), without = run(plain, labels, {});
  CHECK(*std::max_element(without.bias.begin(), without.bias.end()) == 1);
  for (size_t i = 0; i < with.bias.size(); ++i) {
    REQUIRE(without.bias[i] == to_float(to_float16(without.bias[i])));
    REQUIRE(with.bias[i] == to_float(to_float16(0.7f * without.bias[i])));
  }
}

TEST_CASE("label_affinity does not depend on the number of threads", "[label_affinity][cpu]") {
  LabelAffinityParams p{.batch = 2, .height = 30, .width = 44, .patch = 4, .grid_h = 7, .grid_w = 11, .lambda = 0.6f};
  const auto labels = blobs(2, 30, 44, 2);
  p.labels = labels.data();
  const auto with_threads = [&](int threads) {
    Outputs out(p);
    label_affinity_cpu(p, testing::cpu_queue(threads));
    return out.bias;
  };
  CHECK(with_threads(1) == with_threads(3));
}

TEST_CASE("label_affinity refuses what it cannot do", "[label_affinity]") {
  testing::Dut& dut = testing::Dut::get();
  auto labels = dut.output<uint16_t>(64);
  auto patches = dut.output<int32_t>(4);
  auto doubles = dut.output<double>(16);
  auto bias = dut.output<float>(25);
  const LabelAffinityParams good{.labels = labels.data(),
                                 .patch_labels = patches.data(),
                                 .affinity = doubles.data(),
                                 .largest = doubles.data(),
                                 .bias = bias.data(),
                                 .height = 8,
                                 .width = 8,
                                 .patch = 4,
                                 .grid_h = 2,
                                 .grid_w = 2};
  LabelAffinityParams p = good;
  p.grid_w = 3;
  CHECK_THROWS_WITH(dut.stream().label_affinity(p), Catch::Matchers::Contains("must lie in the window"));
  p = good;
  p.lambda = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(dut.stream().label_affinity(p), Catch::Matchers::Contains("lambda"));
  p = good;
  p.largest = nullptr;
  CHECK_THROWS_WITH(dut.stream().label_affinity(p), Catch::Matchers::Contains("must be given"));
}
