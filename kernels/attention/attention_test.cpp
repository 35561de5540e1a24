#include "kernels/attention/attention.h"

#include "core/error.h"
#include "kernels/attention/attention_tile.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/cpu_queue.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

struct Case {
  int64_t batch, tokens, heads, head_dim;
  size_t count() const { return static_cast<size_t>(batch * tokens * heads * head_dim); }
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

// What the oracle says, and Σ_j P_j·|v_j|: what an error relative to the probabilities can do to an output.
struct Expected {
  std::vector<float> values, magnitude;
};
Expected oracle(AttentionParams p, const Case& c, const std::vector<float>& qkv) {
  Expected out{std::vector<float>(c.count()), std::vector<float>(c.count())};
  p.dtype = DType::kF32;
  p.qkv = qkv.data();
  p.out = out.values.data();
  ref::attention(p);
  auto absolute = qkv;
  const auto row = static_cast<size_t>(c.heads * c.head_dim);
  for (size_t i = 0; i < c.count(); ++i) {
    float& v = absolute[i / row * 3 * row + 2 * row + i % row];
    v = std::abs(v);
  }
  p.qkv = absolute.data();
  p.out = out.magnitude.data();
  ref::attention(p);
  return out;
}

// f32: scores of deviation ≈ s², outputs of order 1. A dot product of d terms errs by about √d·s²·eps, exp carries that
// error into the weights, and the weighted sum adds √N·eps: 64 eps covers the shapes here with a factor of two.
constexpr double kTolerance = 64 * 0x1p-24;

// Halves: the inputs are exact, sums are in f32. With u = half a unit in the last place, every probability is rounded
// once, by at most u of it, and so is the output: u·(Σ P|v| + |out|), which is what a naive version in the same
// precision errs by. CUDA holds the first of two kinds of probabilities in f16, which rounds it once more by 2^-11.
// `kTolerance` is for the f32 part.
double allowed_error(DType dtype, AttentionScores scores, double value, double magnitude, bool is_cpu) {
  const double f32 = kTolerance * (1 + std::abs(value));
  if (dtype == DType::kF32) return f32;
  const double u = testing::epsilon_of(dtype);
  if (scores == AttentionScores::kIdentity) return 0;
  const double again = scores == AttentionScores::kCorrelative && !is_cpu ? 0x1p-11 : 0;
  // f16 has no more than 2^-25 below 2^-14: a probability smaller than that errs by as much, seldom in the same
  // direction.
  const double denormal = dtype == DType::kF16 ? 0x1p-24 * 64 : 0;
  return f32 + u * (magnitude + std::abs(value)) + again * magnitude + denormal;
}

void check_on_device(AttentionParams p, const Case& c, DType dtype, const std::vector<float>& qkv,
                     const Expected& expected, size_t offset = 0) {
  testing::Dut& dut = testing::Dut::get();
  CAPTURE(c.batch, c.tokens, c.heads, c.head_dim, to_string(dtype), static_cast<int>(p.scores), p.causal,
          p.bias.data != nullptr, offset);
  const size_t shift = offset * size_of(dtype);
  auto qkv_device = dut.copy(testing::round_to(dtype, qkv).bytes, shift);
  auto out = dut.output<std::byte>(c.count() * size_of(dtype), shift);
  p.qkv = qkv_device.data();
  p.out = out.data();
  p.dtype = dtype;
  dut.stream().attention(p);
  const std::vector<float> actual = testing::widen(dtype, out.host());
  double worst = 0;  // as a share of what is allowed
  size_t at = 0;
  for (size_t i = 0; i < c.count(); ++i) {
    const double allowed = allowed_error(dtype, p.scores, expected.values[i], expected.magnitude[i], dut.is_cpu());
    const double difference = std::abs(static_cast<double>(actual[i]) - static_cast<double>(expected.values[i]));
    if (difference <= allowed * worst) continue;
    worst = allowed > 0 ? difference / allowed : INFINITY;
    at = i;
    if (std::isnan(difference)) break;
  }
  INFO("element " << at << ": " << actual[at] << " against " << expected.values[at] << ", " << worst
                  << " of the error allowed");
  CHECK(!!(worst <= 1));
}

// Every tile: whole rows (correlative, N ≤ 256) and online, each head_dim with an instance, 88 and 104 in a wider one,
// and those without one (4, 20, 100, 136). N around the 16 rows of a warp, the 64 of a tile, and the sequence lengths
// of the models.
const Case kCases[] = {{1, 1, 1, 64},   {2, 2, 3, 64},   {1, 5, 2, 32},   {1, 50, 2, 64},  {1, 64, 1, 96},
                       {2, 197, 2, 64}, {1, 128, 1, 80}, {1, 65, 1, 104}, {1, 256, 1, 64}, {1, 249, 1, 128},
                       {1, 257, 1, 80}, {1, 64, 2, 4},   {1, 577, 1, 88}, {1, 785, 1, 64}, {1, 1226, 1, 32},
                       {1, 33, 1, 100}, {1, 70, 1, 136}, {1, 40, 1, 256}, {1, 321, 3, 32}, {1, 320, 1, 96},
                       {1, 270, 1, 20}, {1, 300, 1, 128}};

}  // namespace

TEST_CASE("attention agrees with the oracle", "[attention]") {
  const Case c = GENERATE(from_range(std::begin(kCases), std::end(kCases)));
  const auto qkv = random_normal(3 * c.count(), 11, 0.1f, 1.2f);
  for (const DType dtype : testing::Dut::get().dtypes()) {
    const auto rounded = testing::round_to(dtype, qkv).values;
    for (const AttentionScores scores : kAllScores) {
      for (const bool causal : {false, true}) {
        // Long sequences cost seconds under cudasim: what CLIP does, causal, and what SCLIP does.
        if (c.tokens > 400 &&
            !(causal ? scores == AttentionScores::kQueryKey : scores == AttentionScores::kCorrelative)) {
          continue;
        }
        AttentionParams p = params_of(c, nullptr, nullptr);
        p.scores = scores;
        p.causal = causal;
        check_on_device(p, c, dtype, rounded, oracle(p, c, rounded));
      }
    }
  }
}

TEST_CASE("attention adds its bias to the scaled scores", "[attention]") {
  const Case c = GENERATE(Case{2, 50, 2, 64}, Case{1, 197, 1, 64}, Case{1, 300, 1, 32}, Case{1, 19, 1, 20});
  testing::Dut& dut = testing::Dut::get();
  const auto qkv = random_normal(3 * c.count(), 12);
  auto bias = random_normal(static_cast<size_t>(c.tokens * c.tokens), 13);
  // A local window: −∞ hides a column.
  for (int64_t i = 0; i < c.tokens; ++i) {
    for (int64_t j = 0; j < c.tokens; ++j) {
      if (std::abs(i - j) > 70) bias[static_cast<size_t>(i * c.tokens + j)] = -INFINITY;
    }
  }
  auto bias_device = dut.copy(bias, 1);
  for (const DType dtype : dut.dtypes()) {
    const auto rounded = testing::round_to(dtype, qkv).values;
    for (const AttentionScores scores : {AttentionScores::kKeyKey, AttentionScores::kCorrelative}) {
      for (const bool causal : {false, true}) {
        AttentionParams p = params_of(c, nullptr, nullptr);
        p.scores = scores;
        p.causal = causal;
        p.bias.data = bias.data();
        const Expected expected = oracle(p, c, rounded);
        p.bias.data = bias_device.data();
        check_on_device(p, c, dtype, rounded, expected);
      }
    }
  }
}

TEST_CASE("attention takes pointers off 16 bytes", "[attention]") {
  const Case c = GENERATE(Case{1, 37, 2, 64}, Case{1, 21, 1, 20});
  const auto qkv = random_normal(3 * c.count(), 17);
  for (const DType dtype : testing::Dut::get().dtypes()) {
    const auto rounded = testing::round_to(dtype, qkv).values;
    for (const AttentionScores scores : kAllScores) {
      AttentionParams p = params_of(c, nullptr, nullptr);
      p.scores = scores;
      // The CPU reads bf16 in pairs.
      const size_t offset = testing::Dut::get().is_cpu() && dtype != DType::kF32 ? 2 : 1;
      check_on_device(p, c, dtype, rounded, oracle(p, c, rounded), offset);
    }
  }
}

TEST_CASE("attention survives scores whose exponentials overflow", "[attention]") {
  const Case c = GENERATE(Case{1, 40, 1, 64}, Case{1, 260, 1, 64});
  testing::Dut& dut = testing::Dut::get();
  const auto qkv = random_normal(3 * c.count(), 14, 0, 12);
  for (const DType dtype : dut.dtypes()) {
    const auto rounded = testing::round_to(dtype, qkv);
    std::vector<float> expected(c.count());
    AttentionParams p = params_of(c, rounded.values.data(), expected.data());
    p.scores = AttentionScores::kCorrelative;
    ref::attention(p);
    auto qkv_device = dut.copy(rounded.bytes);
    auto out = dut.output<std::byte>(c.count() * size_of(dtype));
    p.qkv = qkv_device.data();
    p.out = out.data();
    p.dtype = dtype;
    dut.stream().attention(p);
    const auto actual = testing::widen(dtype, out.host());
    // q·qᵀ/8 reaches 1200: an error of 1200·√64·eps in an exponent is the relative error of a weight.
    const auto same = testing::all_close(actual.data(), expected.data(), c.count(), 12 * 1e-3,
                                         dtype == DType::kF32 ? 0 : 4 * testing::epsilon_of(dtype));
    CAPTURE(to_string(dtype), c.tokens);
    INFO(same.message);
    CHECK(same);
  }
}

TEST_CASE("attention of a window does not depend on the batch around it", "[attention]") {
  const Case c = GENERATE(Case{3, 50, 2, 64}, Case{3, 257, 1, 32});
  const Case one{1, c.tokens, c.heads, c.head_dim};
  testing::Dut& dut = testing::Dut::get();
  for (const DType dtype : dut.dtypes()) {
    const auto qkv = testing::round_to(dtype, random_normal(3 * c.count(), 18)).bytes;
    const size_t window = one.count() * size_of(dtype);
    for (const AttentionScores scores : {AttentionScores::kQueryKey, AttentionScores::kCorrelative}) {
      auto all = dut.copy(qkv);
      auto out = dut.output<std::byte>(3 * window);
      AttentionParams p = params_of(c, all.data(), out.data());
      p.dtype = dtype;
      p.scores = scores;
      dut.stream().attention(p);
      const auto expected = out.host();
      auto last = dut.copy(std::vector<std::byte>(qkv.begin() + static_cast<ptrdiff_t>(6 * window), qkv.end()));
      auto alone = dut.output<std::byte>(window);
      p.qkv = last.data();
      p.out = alone.data();
      p.batch = 1;
      dut.stream().attention(p);
      CAPTURE(to_string(dtype), c.tokens, static_cast<int>(scores));
      CHECK(alone.host() ==
            std::vector<std::byte>(expected.begin() + static_cast<ptrdiff_t>(2 * window), expected.end()));
    }
  }
}

TEST_CASE("attention gives the same bits for any number of threads", "[attention][cpu]") {
  const Case c{3, 50, 4, 64};
  const auto qkv = random_normal(3 * c.count(), 16);
  std::vector<float> one(c.count()), two(c.count());
  AttentionParams p = params_of(c, qkv.data(), one.data());
  p.scores = AttentionScores::kCorrelative;
  attention_cpu(p, testing::cpu_queue(1));
  p.out = two.data();
  attention_cpu(p, testing::cpu_queue(3));
  CHECK(one == two);
}

TEST_CASE("attention refuses head dims it has no tiles for", "[attention]") {
  testing::Dut& dut = testing::Dut::get();
  auto qkv = dut.copy(std::vector<float>(3 * 6)), out = dut.copy(std::vector<float>(6));
  CHECK_THROWS_AS(dut.stream().attention(params_of({1, 1, 1, 6}, qkv.data(), out.data())), Error);
}

TEST_CASE("attention chooses its tile by shape and alignment", "[attention][cpu]") {
  const auto kernel = [](DType dtype, int64_t tokens, int64_t head_dim, bool aligned = true,
                         AttentionScores scores = AttentionScores::kCorrelative) {
    return choose_attention_tile(dtype, scores, tokens, head_dim, aligned);
  };
  CHECK(kernel(DType::kF16, 197, 64).kernel == AttentionKernel::kWholeRows);
  CHECK(kernel(DType::kBF16, 256, 64).kernel == AttentionKernel::kWholeRows);
  CHECK(kernel(DType::kBF16, 257, 64).kernel == AttentionKernel::kOnline);
  CHECK(kernel(DType::kF16, 197, 64, true, AttentionScores::kQueryKey).kernel == AttentionKernel::kOnline);
  CHECK(kernel(DType::kF16, 257, 88).dim == 96);
  CHECK(kernel(DType::kF16, 257, 104).dim == 128);
  CHECK(kernel(DType::kF16, 197, 64, false).kernel == AttentionKernel::kSimt);
  CHECK(kernel(DType::kF16, 197, 20).kernel == AttentionKernel::kSimt);
  CHECK(kernel(DType::kF16, 197, 136).kernel == AttentionKernel::kSimt);
  CHECK(kernel(DType::kF32, 197, 64).kernel == AttentionKernel::kSimt);
  CHECK(kernel(DType::kF16, 197, 64, true, AttentionScores::kIdentity).kernel == AttentionKernel::kCopy);
}
