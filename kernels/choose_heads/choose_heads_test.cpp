#include "kernels/choose_heads/choose_heads.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

// Softmaxes of (n) random scores; each head has a sharpness of its own, so that entropies lie apart.
std::vector<float> softmaxes(int64_t batch, int64_t heads, int64_t n, uint32_t seed) {
  auto out = random_normal(static_cast<size_t>(batch * heads * n * n), seed);
  for (int64_t i = 0; i < batch * heads * n; ++i) {
    float* const row = out.data() + i * n;
    const auto head = static_cast<float>((i / n * 7) % heads);
    float sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += row[j] = std::exp(row[j] * (0.5f + 2.5f * head / static_cast<float>(heads)));
    for (int64_t j = 0; j < n; ++j) row[j] /= sum;
  }
  return out;
}

struct Result {
  std::vector<float> entropies;
  std::vector<int32_t> chosen;
  std::vector<float> out;
};

Result choose(ChooseHeadsParams p, const std::vector<float>& maps, const std::vector<float>& summed, bool reference) {
  const auto rows = static_cast<size_t>(p.batch * p.heads * p.tokens);
  const auto chosen = static_cast<size_t>(p.batch * p.heads);
  const auto entries = static_cast<size_t>(p.batch * p.tokens * p.tokens);
  if (reference) {
    Result out{std::vector<float>(rows), std::vector<int32_t>(chosen), std::vector<float>(entries)};
    p.maps = maps.data();
    p.summed = summed.empty() ? nullptr : summed.data();
    p.row_entropies = out.entropies.data();
    p.chosen = out.chosen.data();
    p.out = out.out.data();
    ref::choose_heads(p);
    return out;
  }
  testing::Dut& dut = testing::Dut::get();
  auto m = dut.copy(maps), s = dut.copy(summed);
  auto e = dut.output<float>(rows);
  auto c = dut.output<int32_t>(chosen);
  auto o = dut.output<std::byte>(entries * size_of(p.out_dtype));
  p.maps = m.data();
  p.summed = summed.empty() ? nullptr : s.data();
  p.row_entropies = e.data();
  p.chosen = c.data();
  p.out = o.data();
  dut.stream().choose_heads(p);
  return {e.host(), c.host(), testing::widen(p.out_dtype, o.host())};
}

}  // namespace

TEST_CASE("choose_heads agrees with the oracle", "[choose_heads]") {
  struct Case {
    int64_t batch, heads, tokens, count;
  };
  const auto c = GENERATE(Case{1, 1, 1, 1}, Case{2, 4, 5, 1}, Case{1, 12, 50, 4}, Case{3, 12, 17, 12},
                          Case{1, 16, 65, 5}, Case{1, 3, 197, 2}, Case{1, 37, 8, 20});
  const bool others = GENERATE(false, true);
  CAPTURE(c.batch, c.heads, c.tokens, c.count, others);
  const auto maps = softmaxes(c.batch, c.heads, c.tokens, 51);
  const auto summed =
      others ? random_normal(static_cast<size_t>(c.batch * c.heads * c.tokens * c.tokens), 52) : std::vector<float>();
  ChooseHeadsParams p{.batch = c.batch, .heads = c.heads, .tokens = c.tokens, .count = c.count, .weight = 1.0f / 12};
  const Result expected = choose(p, maps, summed, true);
  for (const DType dtype : testing::Dut::get().dtypes()) {
    p.out_dtype = dtype;
    const Result actual = choose(p, maps, summed, false);
    // Terms of at most 0.53 whose logarithms, up to 20, are off by three units in the last place; n of them in a row.
    const auto same = testing::all_close(actual.entropies.data(), expected.entropies.data(), expected.entropies.size(),
                                         0x1p-24 * (4 + static_cast<double>(c.tokens)), 0x1p-21);
    INFO(same.message);
    CHECK(same);
    CHECK(actual.chosen == expected.chosen);
    // Up to 37 terms of order 5 each, a product by 1/12, and the rounding to `dtype`.
    const auto sum = testing::all_close(actual.out.data(), expected.out.data(), expected.out.size(), 37 * 5 * 0x1p-24,
                                        dtype == DType::kF32 ? 0 : testing::epsilon_of(dtype));
    INFO(sum.message);
    CHECK(sum);
  }
}

TEST_CASE("a tie of entropies takes both heads", "[choose_heads]") {
  const int64_t heads = 5, n = 20, size = n * n;
  auto maps = softmaxes(1, heads, n, 53);
  const ChooseHeadsParams p{.heads = heads, .tokens = n, .count = 1};
  const auto chosen = choose(p, maps, {}, true).chosen;
  const auto best = std::max_element(chosen.begin(), chosen.end()) - chosen.begin();
  const auto twin = (best + 2) % heads;
  std::copy_n(maps.begin() + best * size, size, maps.begin() + twin * size);
  const Result found = choose(p, maps, {}, false);
  CHECK(std::accumulate(found.chosen.begin(), found.chosen.end(), 0) == 2);
  CHECK((found.chosen[static_cast<size_t>(best)] == 1 && found.chosen[static_cast<size_t>(twin)] == 1));
  for (int64_t i = 0; i < size; ++i) {
    REQUIRE(found.out[static_cast<size_t>(i)] == 2 * maps[static_cast<size_t>(best * size + i)]);
  }
}

TEST_CASE("maps that are all alike are all chosen, and certain ones have no entropy", "[choose_heads]") {
  const int64_t heads = 4, n = 8;
  const Result uniform =
      choose({.heads = heads, .tokens = n, .count = 1}, std::vector<float>(heads * n * n, 0.125f), {}, false);
  CHECK(uniform.chosen == std::vector<int32_t>(4, 1));
  for (float e : uniform.entropies) CHECK(std::abs(e - 3) < 2e-5f);  // log₂ 8, but for the 10⁻⁶
  std::vector<float> certain(heads * n * n, 0.0f);
  for (size_t i = 0; i < heads * n; ++i) certain[i * n + i % n] = 1;
  for (float e : choose({.heads = heads, .tokens = n}, certain, {}, false).entropies) CHECK(std::abs(e) < 2e-6f);
}

TEST_CASE("choose_heads refuses what it cannot do", "[choose_heads]") {
  testing::Dut& dut = testing::Dut::get();
  auto memory = dut.copy(std::vector<float>(64, 0.5f));
  auto chosen = dut.copy(std::vector<int32_t>(4));
  float* const f = memory.data();
  const ChooseHeadsParams good{
      .maps = f, .row_entropies = f + 32, .chosen = chosen.data(), .out = f + 40, .heads = 2, .tokens = 3, .count = 2};
  CHECK_NOTHROW(dut.stream().choose_heads(good));
  const auto refuses = [&](auto&& change) {
    ChooseHeadsParams p = good;
    change(p);
    CHECK_THROWS_AS(dut.stream().choose_heads(p), Error);
  };
  refuses([](ChooseHeadsParams& p) { p.count = 0; });
  refuses([](ChooseHeadsParams& p) { p.count = 3; });
  refuses([](ChooseHeadsParams& p) { p.heads = 0; });
  refuses([](ChooseHeadsParams& p) { p.tokens = -1; });
  refuses([](ChooseHeadsParams& p) { p.out_dtype = DType::kI32; });
  refuses([](ChooseHeadsParams& p) { p.chosen = nullptr; });
  refuses([](ChooseHeadsParams& p) { p.maps = nullptr; });
}
