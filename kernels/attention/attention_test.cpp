#include "kernels/attention/attention.h"

#include "kernels/attention/attention_tile.h"
#include "sclip/error.h"
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
                                      AttentionScores::kKeyKey,   AttentionScores::kCorrelative,
                                      AttentionScores::kIdentity, AttentionScores::kValueValue};

AttentionParams params_of(const Case& c, const void* qkv, void* out) {
  return {.qkv = qkv,
          .out = out,
          .batch = c.batch,
          .tokens = c.tokens,
          .heads = c.heads,
          .head_dim = c.head_dim,
          .softmax_scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim))};
}

// What the oracle says, P (B, A, N, N) and the sizes of its terms, and Σ_j |P_j|·|v_j|: what an error relative to the
// probabilities can do to an output.
struct Expected {
  std::vector<float> values, probabilities, sizes, magnitude;
};
Expected oracle(AttentionParams p, const Case& c, const std::vector<float>& qkv,
                const std::vector<float>& values = {}) {
  const auto n = static_cast<size_t>(c.tokens), heads = static_cast<size_t>(c.heads);
  const auto batch = static_cast<size_t>(c.batch);
  Expected e{
      std::vector<float>(c.count()), std::vector<float>(batch * heads * n * n), {}, std::vector<float>(c.count())};
  p.dtype = DType::kF32;
  p.qkv = qkv.data();
  p.values = values.empty() ? nullptr : values.data();
  p.out = e.values.data();
  p.probabilities = e.probabilities.data();
  p.mean_of_heads = p.accumulate = false;
  ref::attention(p);
  p.added_weight = 0;
  e.sizes.resize(e.probabilities.size());
  p.probabilities = e.sizes.data();
  p.out = nullptr;
  p.values = nullptr;
  ref::attention(p);
  for (size_t i = 0; i < e.sizes.size(); ++i) {
    e.sizes[i] = std::abs(e.sizes[i]) + std::abs(e.probabilities[i] - e.sizes[i]);
  }
  ref::attention_magnitude(p, e.probabilities.data(), (values.empty() ? qkv : values).data(), e.magnitude.data());
  return e;
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
        if (c.tokens > (testing::Dut::get().is_cpu() ? 400 : 200) &&
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

  p.scores = AttentionScores::kSelfSelf;
  p.mean_of_heads = true;
  std::vector<float> mean_one(static_cast<size_t>(c.batch * c.tokens * c.tokens)), mean_two(mean_one);
  p.probabilities = mean_one.data();
  attention_cpu(p, testing::cpu_queue(1));
  p.probabilities = mean_two.data();
  attention_cpu(p, testing::cpu_queue(3));
  CHECK(mean_one == mean_two);
}

TEST_CASE("attention that finds no memory says so to its caller", "[attention][cpu]") {
  float element = 0;
  AttentionParams p = params_of({2, int64_t{1} << 44, 1, 4}, &element, &element);
  try {
    attention_cpu(p, testing::cpu_queue(2));
    FAIL("there is no memory for 2^44 tokens");
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::kOutOfMemory);
  }
}

namespace {

// An error of the exponent is a relative error of a probability. Scores here are below 24: f32 sums of d products err
// by up to √d halves of their last place, and the exponential by 2 ulp: 128 eps of the terms has a factor of two. A sum
// that is added to rounds once more.
double allowed_probability_error(double size, double before) {
  return 2 * kTolerance * size + 0x1p-24 * (std::abs(before) + 1);
}

void check_probabilities(const std::vector<float>& actual, const Expected& expected, const AttentionParams& p,
                         float before) {
  const auto matrix = static_cast<size_t>(p.tokens * p.tokens), heads = static_cast<size_t>(p.heads);
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    double value = 0, size = 0;
    for (size_t h = 0; h < (p.mean_of_heads ? heads : 1); ++h) {
      const size_t from = p.mean_of_heads ? (i / matrix * heads + h) * matrix + i % matrix : i;
      value += expected.probabilities[from];
      size += expected.sizes[from];
    }
    if (p.mean_of_heads) value /= static_cast<double>(heads), size /= static_cast<double>(heads);
    const double allowed = allowed_probability_error(size, before);
    const double difference = std::abs(actual[i] - (value + before)) / allowed;
    if (difference <= worst) continue;
    worst = difference;
    at = i;
    if (std::isnan(difference)) break;
  }
  INFO("probability " << at << ": " << actual[at] << ", " << worst << " of the error allowed");
  CHECK(!!(worst <= 1));
}

// A device's copies of what general probabilities are made of, and the same on the host for the oracle.
struct General {
  std::vector<float> bias, added, scales;
  testing::DeviceArray<float> bias_device, added_device, scales_device;

  // Matrices for `batch` windows and `heads` heads, rows `stride` apart; 1 shares.
  General(const Case& c, int64_t batch, int64_t heads, int64_t stride)
      : bias(make(c, batch * heads, stride, 21)),
        added(make(c, batch * heads, stride, 22)),
        scales(static_cast<size_t>(c.batch)),
        bias_device(testing::Dut::get().copy(bias, 1)),
        added_device(testing::Dut::get().copy(added, 1)),
        scales_device((fill_scales(), testing::Dut::get().copy(scales))) {
    matrix_ = c.tokens * stride;
    batch_stride_ = batch > 1 ? heads * matrix_ : 0;
    head_stride_ = heads > 1 ? matrix_ : 0;
    row_stride_ = stride;
  }
  AttentionMatrix matrix(const float* data) const { return {data, batch_stride_, head_stride_, row_stride_}; }

 private:
  // Probabilities of both signs in sum, and −∞ off the diagonal where the bias hides.
  static std::vector<float> make(const Case& c, int64_t matrices, int64_t stride, uint32_t seed) {
    auto values = random_normal(static_cast<size_t>(matrices * c.tokens * stride), seed);
    for (size_t i = 0; i < values.size(); ++i) {
      const auto row = static_cast<int64_t>(i) / stride % c.tokens, column = static_cast<int64_t>(i) % stride;
      if (column >= c.tokens) values[i] = NAN;  // between the rows: not to be read
      if (seed == 21 && column < c.tokens && std::abs(row - column) > 40) values[i] = -INFINITY;
      if (seed == 22) values[i] /= 32;
    }
    return values;
  }
  void fill_scales() {
    for (size_t i = 0; i < scales.size(); ++i) scales[i] = 0.5f + 0.25f * static_cast<float>(i);
  }
  int64_t matrix_ = 0, batch_stride_ = 0, head_stride_ = 0, row_stride_ = 0;
};

// `p` without pointers to memory of the device; what it holds of `general` is set for the oracle, then for the device.
void check_general(AttentionParams p, const Case& c, General& general, bool with_out) {
  testing::Dut& dut = testing::Dut::get();
  const bool bias = p.bias.data != nullptr, added = p.added.data != nullptr, scales = p.window_scales != nullptr;
  const auto qkv = random_normal(3 * c.count(), 23, 0.1f, 1.1f);
  for (const DType dtype : dut.dtypes()) {
    const auto rounded = testing::round_to(dtype, qkv);
    if (bias) p.bias = general.matrix(general.bias.data());
    if (added) p.added = general.matrix(general.added.data());
    if (scales) p.window_scales = general.scales.data();
    const Expected expected = oracle(p, c, rounded.values);
    if (bias) p.bias = general.matrix(general.bias_device.data());
    if (added) p.added = general.matrix(general.added_device.data());
    if (scales) p.window_scales = general.scales_device.data();
    CAPTURE(c.batch, c.tokens, c.heads, c.head_dim, to_string(dtype), static_cast<int>(p.scores), bias, added, scales,
            p.mean_of_heads, p.accumulate, with_out);

    const auto matrices = static_cast<size_t>(p.mean_of_heads ? c.batch : c.batch * c.heads);
    const auto elements = matrices * static_cast<size_t>(c.tokens * c.tokens);
    constexpr float kBefore = 0.75f;
    auto probabilities = p.accumulate ? dut.copy(std::vector<float>(elements, kBefore)) : dut.output<float>(elements);
    AttentionParams q = p;
    q.probabilities = probabilities.data();
    if (!with_out) {
      auto in = dut.copy(rounded.bytes);
      q.qkv = in.data();
      q.dtype = dtype;
      dut.stream().attention(q);
    } else {
      check_on_device(q, c, dtype, rounded.values, expected);
    }
    check_probabilities(probabilities.host(), expected, q, p.accumulate ? kBefore : 0);
    if (!with_out || p.mean_of_heads) continue;
    q.probabilities = nullptr;
    q.accumulate = false;
    check_on_device(q, c, dtype, rounded.values, expected);
  }
}

// Around the tiles of 64 (d ≤ 64) and 32 keys, and head dims with and without tensor cores.
const Case kGeneralCases[] = {{2, 50, 2, 64}, {3, 67, 2, 32}, {1, 1, 2, 64},   {1, 197, 2, 64},
                              {2, 33, 1, 80}, {1, 65, 3, 20}, {1, 40, 2, 136}, {1, 128, 1, 128}};

}  // namespace

TEST_CASE("attention adds weighted probabilities and returns P", "[attention][general]") {
  const Case c = GENERATE(from_range(std::begin(kGeneralCases), std::end(kGeneralCases)));
  General general(c, c.batch, c.heads, c.tokens + 3);
  AttentionParams p = params_of(c, nullptr, nullptr);
  p.softmax_weight = 0.7f;
  p.added_weight = -1.5f;
  for (const AttentionScores scores :
       {AttentionScores::kQueryKey, AttentionScores::kKeyKey, AttentionScores::kValueValue,
        AttentionScores::kCorrelative, AttentionScores::kSelfSelf, AttentionScores::kBias, AttentionScores::kNone}) {
    p.scores = scores;
    p.bias.data = general.bias.data();
    p.added.data = general.added.data();
    p.window_scales = general.scales.data();
    check_general(p, c, general, true);
  }
}

TEST_CASE("attention shares matrices among windows or heads, or does without them", "[attention][general]") {
  const Case c{3, 37, 2, 64};
  const auto [batch, heads] =
      GENERATE(std::pair<int64_t, int64_t>{1, 1}, std::pair<int64_t, int64_t>{3, 1}, std::pair<int64_t, int64_t>{1, 2});
  General general(c, batch, heads, c.tokens);
  for (const int which : {0, 1, 2, 4}) {
    AttentionParams p = params_of(c, nullptr, nullptr);
    p.scores = AttentionScores::kSelfSelf;
    if (which == 1) p.bias.data = general.bias.data();
    if (which == 2) p.added.data = general.added.data();
    if (which == 4) p.window_scales = general.scales.data();
    check_general(p, c, general, true);
  }
}

TEST_CASE("attention returns the mean of the heads and adds to what is there", "[attention][general]") {
  const Case c = GENERATE(Case{2, 69, 3, 64}, Case{1, 35, 2, 20});
  General general(c, c.batch, 1, c.tokens);
  for (const int which : {0, 1, 2, 3}) {
    AttentionParams p = params_of(c, nullptr, nullptr);
    p.scores = which % 2 == 0 ? AttentionScores::kQueryKey : AttentionScores::kCorrelative;
    p.mean_of_heads = which < 2;
    p.accumulate = which != 0;
    if (which == 1) p.added.data = general.added.data();
    check_general(p, c, general, which % 2 == 0);
    check_general(p, c, general, which % 2 != 0);
  }
}

TEST_CASE("attention of general probabilities serves the longest window", "[attention][general]") {
  const Case c{1, 1226, 1, 64};
  General general(c, 1, 1, c.tokens);
  AttentionParams p = params_of(c, nullptr, nullptr);
  p.scores = AttentionScores::kKeyKey;
  p.softmax_weight = 0.5f;
  p.added.data = general.added.data();
  check_general(p, c, general, true);
}

TEST_CASE("attention makes a softmax of a bias without reading q, k and v", "[attention][general]") {
  const Case c{2, 45, 1, 4};
  testing::Dut& dut = testing::Dut::get();
  General general(c, c.batch, 1, c.tokens);
  AttentionParams p = params_of(c, nullptr, nullptr);
  p.scores = AttentionScores::kBias;
  p.bias = general.matrix(general.bias.data());
  std::vector<float> expected(static_cast<size_t>(c.batch * c.tokens * c.tokens));
  p.probabilities = expected.data();
  ref::attention(p);
  auto actual = dut.output<float>(expected.size());
  p.bias = general.matrix(general.bias_device.data());
  p.probabilities = actual.data();
  dut.stream().attention(p);
  const auto same = testing::all_close(actual.host().data(), expected.data(), expected.size(), 0x1p-24, kTolerance);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("attention mixes the values of another array", "[attention][general]") {
  const Case c = GENERATE(Case{2, 50, 3, 64}, Case{3, 197, 1, 64}, Case{1, 70, 2, 32}, Case{2, 33, 2, 20});
  testing::Dut& dut = testing::Dut::get();
  const auto qkv = random_normal(3 * c.count(), 31, 0, 1.1f), other = random_normal(3 * c.count(), 32);
  const std::vector<float> scales{0.5f, 1.25f, 2};
  auto scales_device = dut.copy(scales);
  for (const DType dtype : dut.dtypes()) {
    const auto rounded = testing::round_to(dtype, qkv).values;
    const auto values = testing::round_to(dtype, other);
    auto values_device = dut.copy(values.bytes);
    for (const AttentionScores scores :
         {AttentionScores::kQueryKey, AttentionScores::kCorrelative, AttentionScores::kSelfSelf}) {
      AttentionParams p = params_of(c, nullptr, nullptr);
      p.scores = scores;
      p.softmax_weight = 1.0f / 3;
      p.window_scales = scales.data();
      const Expected expected = oracle(p, c, rounded, values.values);
      p.window_scales = scales_device.data();
      p.values = values_device.data();
      check_on_device(p, c, dtype, rounded, expected);
    }
  }
}

TEST_CASE("attention mixes other values by the softmax of a bias without reading q, k and v", "[attention][general]") {
  const Case c{2, 45, 1, 64};
  testing::Dut& dut = testing::Dut::get();
  General general(c, c.batch, 1, c.tokens);
  const auto other = random_normal(3 * c.count(), 33);
  AttentionParams p = params_of(c, nullptr, nullptr);
  p.scores = AttentionScores::kBias;
  p.bias = general.matrix(general.bias.data());
  std::vector<float> expected(c.count());
  p.values = other.data();
  p.out = expected.data();
  ref::attention(p);
  auto values = dut.copy(other);
  auto actual = dut.output<float>(expected.size());
  p.bias = general.matrix(general.bias_device.data());
  p.values = values.data();
  p.out = actual.data();
  dut.stream().attention(p);
  const auto same = testing::all_close(actual.host().data(), expected.data(), expected.size(), kTolerance, kTolerance);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("attention refuses parameters that mean nothing, on every device", "[attention]") {
  testing::Dut& dut = testing::Dut::get();
  const Case c{1, 3, 1, 8};
  auto qkv = dut.copy(std::vector<float>(3 * c.count())), out = dut.copy(std::vector<float>(c.count()));
  auto square = dut.copy(std::vector<float>(9));
  const auto refuses = [&](auto&& change) {
    AttentionParams p = params_of(c, qkv.data(), out.data());
    change(p);
    CHECK_THROWS_AS(dut.stream().attention(p), Error);
  };
  CHECK_NOTHROW(dut.stream().attention(params_of(c, qkv.data(), out.data())));
  refuses([](AttentionParams& p) { p.head_dim = 6; });
  refuses([](AttentionParams& p) { p.head_dim = 260; });
  refuses([](AttentionParams& p) { p.tokens = 0; });
  refuses([](AttentionParams& p) { p.heads = 0; });
  refuses([](AttentionParams& p) { p.batch = -1; });
  refuses([](AttentionParams& p) { p.softmax_scale = 0; });
  refuses([](AttentionParams& p) { p.softmax_scale = -1; });
  refuses([](AttentionParams& p) { p.softmax_scale = NAN; });
  refuses([](AttentionParams& p) { p.out = nullptr; });
  refuses([](AttentionParams& p) { p.qkv = nullptr; });
  refuses([](AttentionParams& p) { p.accumulate = true; });
  refuses([](AttentionParams& p) { p.mean_of_heads = true; });
  refuses([](AttentionParams& p) { p.scores = AttentionScores::kBias; });
  refuses([](AttentionParams& p) { p.scores = AttentionScores::kNone; });
  refuses([&](AttentionParams& p) { p.bias = {.data = square.data(), .row_stride = 2}; });
  refuses([&](AttentionParams& p) {
    p.scores = AttentionScores::kIdentity;
    p.probabilities = square.data();
  });
  refuses([&](AttentionParams& p) {
    p.scores = AttentionScores::kIdentity;
    p.values = qkv.data();
  });
  refuses([&](AttentionParams& p) {
    p.values = qkv.data();
    p.out = nullptr;
    p.probabilities = square.data();
  });
  refuses([&](AttentionParams& p) {
    p.causal = true;
    p.added.data = square.data();
  });
}

TEST_CASE("attention chooses its tile by shape and alignment", "[attention][cpu]") {
  const auto choose = [](const AttentionParams& p, bool aligned = true, size_t shared = 99 * 1024) {
    return choose_attention_tile(p, aligned, {.shared_memory_per_block = shared});
  };
  const auto params = [](DType dtype, int64_t tokens, int64_t head_dim,
                         AttentionScores scores = AttentionScores::kCorrelative) {
    return AttentionParams{
        .dtype = dtype, .scores = scores, .batch = 1, .tokens = tokens, .heads = 1, .head_dim = head_dim};
  };
  CHECK(choose(params(DType::kF16, 197, 64)).kernel == AttentionKernel::kWholeRows);
  CHECK(choose(params(DType::kBF16, 256, 64)).kernel == AttentionKernel::kWholeRows);
  CHECK(choose(params(DType::kBF16, 257, 64)).kernel == AttentionKernel::kOnline);
  CHECK(choose(params(DType::kF16, 197, 64, AttentionScores::kQueryKey)).kernel == AttentionKernel::kOnline);
  CHECK(choose(params(DType::kF16, 197, 64, AttentionScores::kValueValue)).kernel == AttentionKernel::kOnline);
  CHECK(choose(params(DType::kF16, 257, 88)).dim == 96);
  CHECK(choose(params(DType::kF16, 257, 104)).dim == 128);
  CHECK(choose(params(DType::kF16, 197, 64), false).kernel == AttentionKernel::kSimt);
  CHECK(choose(params(DType::kF16, 197, 20)).kernel == AttentionKernel::kSimt);
  CHECK(choose(params(DType::kF16, 197, 136)).kernel == AttentionKernel::kSimt);
  CHECK(choose(params(DType::kF32, 197, 64)).kernel == AttentionKernel::kSimt);
  CHECK(choose(params(DType::kF16, 197, 64, AttentionScores::kIdentity)).kernel == AttentionKernel::kCopy);

  const float matrix = 0;
  AttentionParams one_bias = params(DType::kF16, 197, 64);
  one_bias.bias.data = &matrix;
  CHECK(choose(one_bias).kernel == AttentionKernel::kWholeRows);
  AttentionParams biases = one_bias;
  biases.bias.batch_stride = 197 * 197;
  CHECK(choose(biases).kernel == AttentionKernel::kTwoPass);
  AttentionParams added = params(DType::kBF16, 1226, 80);
  added.added.data = &matrix;
  CHECK(choose(added).kernel == AttentionKernel::kTwoPass);
  CHECK(choose(added).dim == 128);
  CHECK(choose(params(DType::kBF16, 197, 32, AttentionScores::kSelfSelf)).dim == 64);
  added.scores = AttentionScores::kSelfSelf;
  CHECK(choose(added, true, 48 * 1024).kernel == AttentionKernel::kSimt);  // three sides of 128 columns
  added.dtype = DType::kF32;
  CHECK(choose(added).kernel == AttentionKernel::kSimt);
}
