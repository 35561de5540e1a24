#include "kernels/soften_sinks/soften_sinks.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;
using testing::random_normal;

namespace {

struct Found {
  std::vector<float> x;
  std::vector<int32_t> sinks;
};

Found run(SoftenSinksParams p, const std::vector<float>& x) {
  testing::Dut& dut = testing::Dut::get();
  const auto patches = static_cast<size_t>(p.batch * p.grid_h * p.grid_w);
  auto device = dut.copy(x), softened = dut.output<float>(patches * static_cast<size_t>(p.cols));
  auto sinks = dut.output<int32_t>(patches);
  p.x = device.data();
  p.softened = softened.data();
  p.sinks = sinks.data();
  dut.stream().soften_sinks(p);
  return {device.host(), sinks.host()};
}

Found expected(SoftenSinksParams p, std::vector<float> x) {
  const auto patches = static_cast<size_t>(p.batch * p.grid_h * p.grid_w);
  std::vector<float> softened(patches * static_cast<size_t>(p.cols));
  std::vector<int32_t> sinks(patches);
  p.x = x.data();
  p.softened = softened.data();
  p.sinks = sinks.data();
  ref::soften_sinks(p);
  return {x, sinks};
}

}  // namespace

TEST_CASE("soften_sinks agrees with the oracle", "[soften_sinks]") {
  const auto [batch, h, w, cols] = GENERATE(table<int64_t, int64_t, int64_t, int64_t>(
      {{1, 1, 1, 1}, {1, 1, 1, 40}, {2, 3, 5, 33}, {3, 1, 7, 64}, {1, 14, 14, 768}, {2, 6, 4, 1024}}));
  CAPTURE(batch, h, w, cols);
  const int64_t stride = (h * w + 1) * cols;  // a class token between the windows
  std::vector<float> x = random_normal(static_cast<size_t>(batch * stride), 3, 0.5f);
  // Every third patch or so stands out by far, neighbours among them; the others by nothing, so that no rounding
  // decides.
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t i = 0; i < h * w; ++i) {
      if ((i * 7 + b) % 3 == 0)
        x[static_cast<size_t>(b * stride + i * cols + cols / 2)] = 40.0f * static_cast<float>(cols);
    }
  }
  SoftenSinksParams p{.batch = batch, .grid_h = h, .grid_w = w, .cols = cols, .x_stride = stride};
  p.channels = {0, static_cast<int32_t>(cols / 2), static_cast<int32_t>(cols - 1)};
  p.channel_count = 3;
  p.share = 12;
  const Found want = expected(p, x), got = run(p, x);
  CHECK(got.sinks == want.sinks);
  if (cols > 12) CHECK(want.sinks[0] == 1);
  // Nine additions and two products in f32; values up to 40·C stand beside values of 1, in the channel of their own.
  const auto same = testing::all_close(got.x.data(), want.x.data(), want.x.size(), 1e-5, 12 * 0x1p-24);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("soften_sinks leaves other patches their bits, and what lies between windows", "[soften_sinks]") {
  const SoftenSinksParams p{.batch = 2,
                            .grid_h = 3,
                            .grid_w = 3,
                            .cols = 24,
                            .x_stride = 10 * 24,
                            .channels = {5},
                            .channel_count = 1,
                            .share = 12};
  std::vector<float> x = random_normal(2 * 10 * 24, 4);
  x[240 + 4 * 24 + 5] = 1000;  // the middle of the second grid; share 1 of the row, 12/24 asked for
  x[240 + 9 * 24] = std::numeric_limits<float>::quiet_NaN();
  const Found got = run(p, x);
  for (size_t i = 0; i < got.sinks.size(); ++i) CHECK(got.sinks[i] == (i == 9 + 4 ? 1 : 0));
  for (size_t i = 0; i < x.size(); ++i) {
    if (i / 24 == 14) continue;
    CAPTURE(i);
    REQUIRE((got.x[i] == x[i] || (std::isnan(got.x[i]) && std::isnan(x[i]))));
  }
  double around = 0;
  for (size_t n = 0; n < 9; ++n) around += x[240 + n * 24 + 5];
  CHECK(std::abs(got.x[240 + 4 * 24 + 5] - (0.6 * 1000 + 0.4 * around / 9)) < 1e-3);
}

TEST_CASE("soften_sinks of rows without anything that stands out", "[soften_sinks]") {
  // All channels equal: the sum above the least is 0, and its place is taken by 1e-8.
  const SoftenSinksParams p{.grid_h = 2, .grid_w = 2, .cols = 16, .channels = {3}, .channel_count = 1};
  const std::vector<float> x(4 * 16, -2.5f);
  const Found got = run(p, x);
  CHECK(got.sinks == std::vector<int32_t>(4, 0));
  CHECK(got.x == x);
}

TEST_CASE("soften_sinks refuses what it cannot do", "[soften_sinks]") {
  testing::Dut& dut = testing::Dut::get();
  auto x = dut.output<float>(64), y = dut.output<float>(64);
  auto sinks = dut.output<int32_t>(8);
  const SoftenSinksParams good{.x = x.data(),
                               .softened = y.data(),
                               .sinks = sinks.data(),
                               .grid_h = 2,
                               .grid_w = 2,
                               .cols = 8,
                               .channels = {7},
                               .channel_count = 1};
  CHECK_NOTHROW(dut.stream().soften_sinks(good));
  SoftenSinksParams p = good;
  p.channels[0] = 8;
  CHECK_THROWS_WITH(dut.stream().soften_sinks(p), Catch::Matchers::Contains("no channel 8 of 8"));
  p = good;
  p.channel_count = 0;
  CHECK_THROWS_WITH(dut.stream().soften_sinks(p), Catch::Matchers::Contains("0 channels"));
  p = good;
  p.batch = 2;
  CHECK_THROWS_WITH(dut.stream().soften_sinks(p), Catch::Matchers::Contains("overlap"));
  p = good;
  p.share = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(dut.stream().soften_sinks(p), Catch::Matchers::Contains("not positive"));
  p = good;
  p.sinks = nullptr;
  CHECK_THROWS_WITH(dut.stream().soften_sinks(p), Catch::Matchers::Contains("must be given"));
  dut.stream().synchronize();
}
