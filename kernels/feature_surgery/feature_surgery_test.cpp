#include "kernels/feature_surgery/feature_surgery.h"

#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

std::vector<float> run(FeatureSurgeryParams p, const std::vector<float>& window_scores,
                       const std::vector<float>& scores) {
  testing::Dut& dut = testing::Dut::get();
  auto c = dut.copy(window_scores), x = dut.copy(scores);
  p.window_scores = c.data();
  p.scores = x.data();
  dut.stream().feature_surgery(p);
  return x.host();
}

}  // namespace

TEST_CASE("feature surgery agrees with the oracle", "[feature_surgery]") {
  const int64_t words = GENERATE(1, 2, 7, 16, 33, 171, 1025);
  const int64_t rows = GENERATE(1, 31, 197);
  const int64_t batch = GENERATE(1, 3);
  const float sharpness = GENERATE(0.f, 2.f, 60.f);
  CAPTURE(words, rows, batch, sharpness);
  const auto c = random_normal(static_cast<size_t>(batch * words), 1, 0.2f, 0.1f);
  const auto x = random_normal(static_cast<size_t>(batch * rows * words), 2, 0.2f, 0.1f);
  auto expected = x;
  FeatureSurgeryParams p{.batch = batch, .rows = rows, .words = words, .sharpness = sharpness};
  FeatureSurgeryParams oracle = p;
  oracle.window_scores = c.data();
  oracle.scores = expected.data();
  ref::feature_surgery(oracle);
  const auto actual = run(p, c, x);
  // An exponent below 1.5·sharpness in size is off by an ulp, which is the relative error of a weight; the exponential
  // by 2 ulp, their sum by words/32 more at most. A weighted cosine is at most w·1, and the mean of them is as exact.
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<double> weight(static_cast<size_t>(words));
    double total = 0, largest = 0;
    for (int64_t t = 0; t < words; ++t) {
      const double e = std::exp(double{sharpness} * double{c[static_cast<size_t>(b * words + t)]});
      weight[static_cast<size_t>(t)] = e;
      total += e;
    }
    for (double& w : weight) largest = std::max(largest, w *= static_cast<double>(words) / total);
    const double allowed = 0x1p-24 * (8 + 2 * double{sharpness} + static_cast<double>(words) / 16) * (1 + largest);
    const int64_t from = b * rows * words;
    const auto same =
        testing::all_close(actual.data() + from, expected.data() + from, static_cast<size_t>(rows * words), allowed);
    INFO(same.message);
    CHECK(same);
  }
}

TEST_CASE("feature surgery leaves nothing of one word, or of words that all say the same", "[feature_surgery]") {
  // One word: w = 1, and its mean is itself. Equal words: the same.
  const auto one = run({.batch = 2, .rows = 5, .words = 1}, {0.3f, -0.9f}, random_normal(10, 3));
  for (const float y : one) CHECK(y == 0);
  const auto equal =
      run({.batch = 1, .rows = 2, .words = 4}, {0.5f, 0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f, 0.25f, -1, -1, -1, -1});
  for (const float y : equal) CHECK(std::abs(y) <= 0x1p-22f);  // a weight of 4 · ¼ may be off by an ulp or two
}

TEST_CASE("feature surgery ranks a word by what the class token says of it", "[feature_surgery]") {
  // exp(2·ln 2) = 4 and 1: weights 8/5 and 2/5.
  const float half_log = std::log(2.0f);
  const auto y = run({.batch = 1, .rows = 1, .words = 2}, {half_log, 0}, {0.5f, 1});
  CHECK(std::abs(y[0] - 0.2f) <= 1e-6f);  // 0.8 − mean(0.8, 0.4), a few roundings of 6e-8
  CHECK(std::abs(y[1] + 0.2f) <= 1e-6f);
}

TEST_CASE("feature surgery gives the same bits for any number of threads", "[feature_surgery][cpu]") {
  const int64_t batch = 3, rows = 150, words = 21;
  const auto c = random_normal(batch * words, 5);
  auto one = random_normal(batch * rows * words, 6), three = one;
  FeatureSurgeryParams p{.window_scores = c.data(), .scores = one.data(), .batch = batch, .rows = rows, .words = words};
  feature_surgery_cpu(p, testing::cpu_queue(1));
  p.scores = three.data();
  feature_surgery_cpu(p, testing::cpu_queue(3));
  CHECK(one == three);
}

TEST_CASE("feature surgery refuses what it cannot do", "[feature_surgery]") {
  testing::Dut& dut = testing::Dut::get();
  auto c = dut.copy(std::vector<float>(4)), x = dut.copy(std::vector<float>(8));
  const FeatureSurgeryParams good{.window_scores = c.data(), .scores = x.data(), .batch = 1, .rows = 2, .words = 4};
  CHECK_NOTHROW(dut.stream().feature_surgery(good));
  FeatureSurgeryParams p = good;
  p.words = 0;
  CHECK_THROWS_WITH(dut.stream().feature_surgery(p), Catch::Matchers::Contains("rows of 0 words"));
  p = good;
  p.sharpness = NAN;
  CHECK_THROWS_WITH(dut.stream().feature_surgery(p), Catch::Matchers::Contains("sharpness is nan"));
  p = good;
  p.window_scores = nullptr;
  CHECK_THROWS_WITH(dut.stream().feature_surgery(p), Catch::Matchers::Contains("must be given"));
  dut.stream().synchronize();
}
