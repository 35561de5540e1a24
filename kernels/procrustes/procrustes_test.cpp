#include "kernels/procrustes/procrustes.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention/attention.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

struct Case {
  int64_t batch, tokens, heads, dim;
  size_t count() const { return static_cast<size_t>(batch * tokens * 3 * heads * dim); }
};

ProcrustesParams params_of(const Case& c, void* qkv, float alpha = 0.08f) {
  return {.qkv = qkv, .alpha = alpha, .batch = c.batch, .tokens = c.tokens, .heads = c.heads, .head_dim = c.dim};
}

// Queries and keys have a mean, as a model's have.
std::vector<float> random_qkv(const Case& c, uint32_t seed) {
  auto values = random_normal(c.count(), seed, 0, 1.2f);
  const auto shift = random_normal(static_cast<size_t>(3 * c.heads * c.dim), seed + 100);
  for (size_t i = 0; i < values.size(); ++i) values[i] += shift[i % shift.size()];
  return values;
}

std::vector<float> oracle(const Case& c, std::vector<float> qkv, float alpha = 0.08f) {
  ref::procrustes(params_of(c, qkv.data(), alpha));
  return qkv;
}

double largest(const std::vector<float>& values) {
  double out = 0;
  for (const float v : values) out = std::max(out, std::abs(static_cast<double>(v)));
  return out;
}

// Z's entries are at most 1.5^5 = 7.6, and change by at most Z³/2 = 220 times an error of Y, which is of the order of
// √d = 8 roundings; a direction for which Z is that steep has a B/√a of at most 0.1: 180 roundings in R, and as many in
// a query, which is a sum of d products with it.
constexpr double kTolerance = 0x1p-24 * 400;

}  // namespace

TEST_CASE("procrustes agrees with the oracle", "[procrustes]") {
  const Case c = GENERATE(Case{1, 1, 1, 64}, Case{1, 2, 1, 4}, Case{2, 10, 4, 64}, Case{1, 63, 2, 20},
                          Case{1, 64, 1, 60}, Case{2, 65, 3, 36}, Case{1, 197, 4, 64}, Case{1, 130, 2, 64});
  const float alpha = GENERATE(0.08f, 0.0f, 0.3f);
  CAPTURE(c.batch, c.tokens, c.heads, c.dim, alpha);
  const auto qkv = random_qkv(c, 1);
  const auto expected = oracle(c, qkv, alpha);
  testing::Dut& dut = testing::Dut::get();
  auto device = dut.copy(qkv);
  dut.stream().procrustes(params_of(c, device.data(), alpha));
  const auto same =
      testing::all_close(device.host().data(), expected.data(), c.count(), kTolerance * largest(expected));
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("keys and values stay, to the bit", "[procrustes]") {
  const Case c{2, 17, 3, 64};
  const auto before = random_qkv(c, 2);
  testing::Dut& dut = testing::Dut::get();
  auto device = dut.copy(before);
  dut.stream().procrustes(params_of(c, device.data()));
  const auto after = device.host();
  const auto width = static_cast<size_t>(c.heads * c.dim);
  size_t changed = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    if (i / width % 3 != 0) REQUIRE(after[i] == before[i]);
    changed += after[i] != before[i];
  }
  CHECK(changed > width);
}

TEST_CASE("the new queries have the probabilities of rotated keys and their own product", "[procrustes][cpu]") {
  // Scores q (k R)ᵀ + α k_c k_cᵀ, with R out of what the rotation makes of unit queries; α's part written out.
  const Case c{1, 33, 1, 8};
  const float alpha = 0.3f;
  const int64_t d = c.dim, stride = 3 * d;
  const auto qkv = random_qkv(c, 3);
  const auto turned = oracle(c, qkv, 0.0f);
  const auto aligned = oracle(c, qkv, alpha);

  std::vector<double> mean(static_cast<size_t>(d));
  double lengths = 0;
  for (int64_t n = 1; n < c.tokens; ++n) {
    double squares = 0;
    for (int64_t i = 0; i < d; ++i) squares += std::pow(qkv[static_cast<size_t>(n * stride + i)], 2.0);
    lengths += std::sqrt(squares);
    for (int64_t i = 0; i < d; ++i) {
      mean[static_cast<size_t>(i)] += std::sqrt(squares) * qkv[static_cast<size_t>(n * stride + d + i)];
    }
  }
  for (double& m : mean) m /= lengths + 1e-6;
  const auto softmax = [&](auto score) {
    std::vector<double> p;
    for (int64_t i = 0; i < c.tokens; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < c.tokens; ++j) {
        p.push_back(std::exp(score(i, j) / std::sqrt(8.0)));
        sum += p.back();
      }
      for (auto it = p.end() - c.tokens; it != p.end(); ++it) *it /= sum;
    }
    return p;
  };
  const auto dot = [&](const std::vector<float>& rows, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t x = 0; x < d; ++x) {
      sum +=
          static_cast<double>(rows[static_cast<size_t>(i * stride + x)]) * qkv[static_cast<size_t>(j * stride + d + x)];
    }
    return sum;
  };
  const auto published = softmax([&](int64_t i, int64_t j) {
    double keys = 0;
    for (int64_t x = 0; x < d; ++x) {
      const double m = mean[static_cast<size_t>(x)];
      keys += (qkv[static_cast<size_t>(i * stride + d + x)] - m) * (qkv[static_cast<size_t>(j * stride + d + x)] - m);
    }
    return dot(turned, i, j) + static_cast<double>(alpha) * keys;
  });
  const auto found = softmax([&](int64_t i, int64_t j) { return dot(aligned, i, j); });
  const auto same = testing::all_close(found.data(), published.data(), found.size(), 1e-6);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("five steps turn a well-conditioned head by an orthogonal matrix", "[procrustes]") {
  // Keys are the queries turned by a known rotation: B = Qᵀ-like, its polar factor that rotation, and lengths stay.
  const Case c{1, 2000, 1, 4};
  std::vector<float> qkv = random_normal(c.count(), 4);
  for (int64_t n = 0; n < c.tokens; ++n) {
    float* q = qkv.data() + n * 3 * c.dim;
    float* k = q + c.dim;
    k[0] = q[1], k[1] = -q[0], k[2] = q[3], k[3] = -q[2];
  }
  testing::Dut& dut = testing::Dut::get();
  auto device = dut.copy(qkv);
  dut.stream().procrustes(params_of(c, device.data(), 0.0f));
  const auto after = device.host();
  for (int64_t n = 0; n < c.tokens; ++n) {  // q Rᵀ is k
    for (int64_t i = 0; i < c.dim; ++i) {
      const auto at = static_cast<size_t>(n * 3 * c.dim + i);
      REQUIRE(std::abs(after[at] - qkv[at + static_cast<size_t>(c.dim)]) < 1e-4);
    }
  }
}

TEST_CASE("procrustes of rows with nothing in them is no NaN", "[procrustes]") {
  const Case c{1, 9, 2, 64};
  testing::Dut& dut = testing::Dut::get();
  for (const float value : {0.0f, 1.0f}) {
    const std::vector<float> qkv(c.count(), value);
    const auto expected = oracle(c, qkv);
    auto device = dut.copy(qkv);
    dut.stream().procrustes(params_of(c, device.data()));
    // Equal rows leave B to the rounding of their mean; what is asked is that nothing grows out of it.
    const auto same = testing::all_close(device.host().data(), expected.data(), c.count(), value == 0 ? 0.0 : 1e-3);
    INFO(same.message);
    CHECK(same);
  }
}

TEST_CASE("procrustes in halves is the oracle's result, rounded", "[procrustes]") {
  const Case c{2, 50, 2, 64};
  testing::Dut& dut = testing::Dut::get();
  for (const DType dtype : dut.dtypes()) {
    CAPTURE(to_string(dtype));
    const testing::Rounded qkv = testing::round_to(dtype, random_qkv(c, 5));
    const auto expected = oracle(c, qkv.values);
    auto device = dut.copy(qkv.bytes);
    ProcrustesParams p = params_of(c, device.data());
    p.dtype = dtype;
    dut.stream().procrustes(p);
    const auto found = testing::widen(dtype, device.host());
    const auto same = testing::all_close(found.data(), expected.data(), c.count(), kTolerance * largest(expected),
                                         testing::epsilon_of(dtype));
    INFO(same.message);
    CHECK(same);
  }
}

TEST_CASE("procrustes on any number of threads, and in any company, gives the same bits", "[procrustes][cpu]") {
  const Case c{3, 40, 4, 64};
  const auto qkv = random_qkv(c, 6);
  auto one = qkv, three = qkv;
  procrustes_cpu(params_of(c, one.data()), testing::cpu_queue(1));
  procrustes_cpu(params_of(c, three.data()), testing::cpu_queue(3));
  CHECK(one == three);
  const Case alone{1, 40, 4, 64};
  std::vector<float> second(qkv.begin() + static_cast<std::ptrdiff_t>(alone.count()),
                            qkv.begin() + static_cast<std::ptrdiff_t>(2 * alone.count()));
  procrustes_cpu(params_of(alone, second.data()), testing::cpu_queue(2));
  CHECK(std::equal(second.begin(), second.end(), one.begin() + static_cast<std::ptrdiff_t>(alone.count())));
}

TEST_CASE("procrustes refuses what it cannot do", "[procrustes]") {
  testing::Dut& dut = testing::Dut::get();
  const Case c{1, 3, 1, 8};
  auto qkv = dut.copy(std::vector<float>(c.count()));
  const auto refuses = [&](auto&& change) {
    ProcrustesParams p = params_of(c, qkv.data());
    change(p);
    CHECK_THROWS_AS(dut.stream().procrustes(p), Error);
  };
  CHECK_NOTHROW(dut.stream().procrustes(params_of(c, qkv.data())));
  refuses([](ProcrustesParams& p) { p.head_dim = 6; });
  refuses([](ProcrustesParams& p) { p.head_dim = 68; });
  refuses([](ProcrustesParams& p) { p.tokens = 0; });
  refuses([](ProcrustesParams& p) { p.heads = 0; });
  refuses([](ProcrustesParams& p) { p.batch = -1; });
  refuses([](ProcrustesParams& p) { p.qkv = nullptr; });
  refuses([](ProcrustesParams& p) { p.dtype = DType::kI32; });
}
