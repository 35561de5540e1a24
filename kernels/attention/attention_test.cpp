#include "kernels/attention/attention.h"

#include <omp.h>

#include "core/error.h"
#include "tests/catch.h"
#include "tests/compare.h"

using namespace sclip;
using testing::random_normal;

namespace {

struct Case {
  int64_t batch, tokens, heads, head_dim;
};

const AttentionScores kAllScores[] = {AttentionScores::kQueryKey, AttentionScores::kQueryQuery,
                                      AttentionScores::kKeyKey, AttentionScores::kCorrelative,
                                      AttentionScores::kIdentity};

AttentionParams params_of(const Case& c, const void* qkv, void* out) {
  return {.qkv = qkv,
          .out = out,
          .batch = c.batch,
          .tokens = c.tokens,
          .heads = c.heads,
          .head_dim = c.head_dim,
          .softmax_scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim))};
}

// Scores of deviation ≈ s², outputs of order 1. A dot product of d terms errs by about √d·s²·eps, exp carries that
// error into the weights, and the weighted sum adds √N·eps: 64 eps covers the shapes here with a factor of two.
constexpr double kTolerance = 64 * 0x1p-24;

}  // namespace

TEST_CASE("attention agrees with the oracle", "[attention]") {
  const Case c = GENERATE(Case{1, 1, 1, 64}, Case{2, 2, 3, 64}, Case{1, 5, 2, 32}, Case{1, 50, 2, 64},
                          Case{2, 197, 2, 64}, Case{1, 257, 1, 80}, Case{1, 64, 2, 4}, Case{1, 577, 1, 88},
                          Case{1, 785, 1, 96}, Case{1, 1226, 1, 128}, Case{1, 33, 1, 100});
  const auto count = static_cast<size_t>(c.batch * c.tokens * c.heads * c.head_dim);
  const auto qkv = random_normal(3 * count, 11, 0.1f, 1.2f);
  std::vector<float> expected(count), actual(count);
  for (const AttentionScores scores : kAllScores) {
    for (const bool causal : {false, true}) {
      CAPTURE(c.batch, c.tokens, c.heads, c.head_dim, static_cast<int>(scores), causal);
      AttentionParams p = params_of(c, qkv.data(), expected.data());
      p.scores = scores;
      p.causal = causal;
      ref::attention(p);
      p.out = actual.data();
      std::fill(actual.begin(), actual.end(), std::numeric_limits<float>::quiet_NaN());
      attention_cpu(p);
      const auto same = testing::all_close(actual.data(), expected.data(), count, kTolerance, kTolerance);
      INFO(same.message);
      CHECK(same);
    }
  }
}

TEST_CASE("attention adds its bias to the scaled scores", "[attention]") {
  const Case c{2, 50, 2, 64};
  const auto count = static_cast<size_t>(c.batch * c.tokens * c.heads * c.head_dim);
  const auto qkv = random_normal(3 * count, 12);
  const auto bias = random_normal(static_cast<size_t>(c.tokens * c.tokens), 13);
  std::vector<float> expected(count), actual(count);
  AttentionParams p = params_of(c, qkv.data(), expected.data());
  p.bias = bias.data();
  p.scores = AttentionScores::kKeyKey;
  ref::attention(p);
  p.out = actual.data();
  attention_cpu(p);
  const auto same = testing::all_close(actual.data(), expected.data(), count, kTolerance, kTolerance);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("attention survives scores whose exponentials overflow", "[attention]") {
  const Case c{1, 40, 1, 64};
  const auto count = static_cast<size_t>(c.tokens * c.head_dim);
  const auto qkv = random_normal(3 * count, 14, 0, 12);
  std::vector<float> expected(count), actual(count);
  AttentionParams p = params_of(c, qkv.data(), expected.data());
  p.scores = AttentionScores::kCorrelative;
  ref::attention(p);
  p.out = actual.data();
  attention_cpu(p);
  // q·qᵀ/8 reaches 1200: an error of 1200·√64·eps in an exponent is the relative error of a weight.
  const auto same = testing::all_close(actual.data(), expected.data(), count, 12 * 1e-3);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("attention in bf16 errs by the rounding of its probabilities and its output", "[attention]") {
  const Case c = GENERATE(Case{1, 50, 2, 64}, Case{1, 197, 1, 64}, Case{1, 19, 1, 20}, Case{2, 33, 1, 88});
  const auto count = static_cast<size_t>(c.batch * c.tokens * c.heads * c.head_dim);
  auto qkv = random_normal(3 * count, 15);
  std::vector<BFloat16> qkv16(3 * count), actual(count);
  for (size_t i = 0; i < qkv.size(); ++i) qkv[i] = to_float(qkv16[i] = to_bfloat16(qkv[i]));
  for (const AttentionScores scores : kAllScores) {
    std::vector<float> expected(count), magnitude(count);
    AttentionParams p = params_of(c, qkv.data(), expected.data());
    p.scores = scores;
    ref::attention(p);
    // Σ_j P_j·|v_j|: what the rounding of the probabilities acts on.
    auto absolute = qkv;
    for (size_t i = 0; i < count; ++i) {
      const size_t row = static_cast<size_t>(c.heads * c.head_dim);
      float& v = absolute[i / row * 3 * row + 2 * row + i % row];
      v = std::abs(v);
    }
    p.qkv = absolute.data();
    p.out = magnitude.data();
    ref::attention(p);
    p.qkv = qkv16.data();
    p.out = actual.data();
    p.dtype = DType::kBF16;
    attention_cpu(p);
    for (size_t i = 0; i < count; ++i) {
      // Probabilities and the output are rounded to bf16 (8 significant bits), by at most 2^-8 each, seldom together.
      const double allowed = 0x1p-8 * (magnitude[i] + std::abs(expected[i])) + 1e-5;
      const double difference = std::abs(static_cast<double>(to_float(actual[i])) - expected[i]);
      CAPTURE(i, static_cast<int>(scores), expected[i], difference, allowed);
      REQUIRE(!!(difference <= allowed));
    }
  }
}

TEST_CASE("attention gives the same bits for any number of threads", "[attention]") {
  const Case c{3, 50, 4, 64};
  const auto count = static_cast<size_t>(c.batch * c.tokens * c.heads * c.head_dim);
  const auto qkv = random_normal(3 * count, 16);
  std::vector<float> one(count), two(count);
  AttentionParams p = params_of(c, qkv.data(), one.data());
  p.scores = AttentionScores::kCorrelative;
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  attention_cpu(p);
  omp_set_num_threads(2);
  p.out = two.data();
  attention_cpu(p);
  omp_set_num_threads(threads);
  CHECK(one == two);
}

TEST_CASE("attention refuses head dims it has no tiles for", "[attention]") {
  std::vector<float> qkv(3 * 6), out(6);
  CHECK_THROWS_AS(attention_cpu(params_of({1, 1, 1, 6}, qkv.data(), out.data())), Error);
}
