// A sample of the floats that FastExp and FastExp2 are for, in every instruction set of this processor.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/catch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/exp_test.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// `n` is a multiple of 64.
void Exp(const float* x, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < n; i += hn::Lanes(d)) hn::StoreU(FastExp(d, hn::LoadU(d, x + i)), d, y + i);
}

void Exp2(const float* x, float* y, size_t n) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < n; i += hn::Lanes(d)) hn::StoreU(FastExp2(d, hn::LoadU(d, x + i)), d, y + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {
namespace {

HWY_EXPORT(Exp);
HWY_EXPORT(Exp2);

void exp_here(const float* x, float* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(Exp)(x, y, n);
}
void exp2_here(const float* x, float* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(Exp2)(x, y, n);
}

constexpr size_t kBlock = 4096;

double error_in_ulp(float actual, double expected) {
  auto below = static_cast<float>(expected);
  if (static_cast<double>(below) > expected) below = std::nextafter(below, 0.f);
  const double ulp = static_cast<double>(std::nextafter(below, 2.f)) - static_cast<double>(below);
  return std::abs(static_cast<double>(actual) - expected) / ulp;
}

// The worst error on [lowest, −1e-9]; every 997th float.
template <typename Function, typename Exact>
double worst_error(float lowest, const Function& function, const Exact& exact) {
  std::vector<float> x(kBlock), y(kBlock);
  double worst = 0;
  auto bits = std::bit_cast<uint32_t>(1e-9f);
  const auto last = std::bit_cast<uint32_t>(-lowest);
  while (bits < last) {
    for (float& v : x) {
      v = -std::bit_cast<float>(bits);
      bits = std::min(bits + 997, last);
    }
    function(x.data(), y.data(), kBlock);
    for (size_t i = 0; i < kBlock; ++i) {
      const double error = error_in_ulp(y[i], exact(static_cast<double>(x[i])));
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}

template <typename Body>
void for_each_target(const Body& body) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    INFO("instruction set " << hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
}

void check_special_values(void (*function)(const float*, float*, size_t), float lowest) {
  std::vector<float> x(64, -1.f), y(64);
  x[0] = 0.f;
  x[1] = -0.f;
  x[2] = -std::numeric_limits<float>::infinity();
  x[3] = -std::numeric_limits<float>::max();
  x[4] = std::nextafter(lowest, -1e9f);
  x[5] = lowest;
  x[6] = std::numeric_limits<float>::quiet_NaN();
  x[7] = std::bit_cast<float>(0xffffffffu);  // a NaN whose payload is all ones
  function(x.data(), y.data(), 64);
  CHECK(y[0] == 1.f);
  CHECK(y[1] == 1.f);
  CHECK(y[2] == 0.f);
  CHECK(y[3] == 0.f);
  CHECK(y[4] == 0.f);
  CHECK(y[5] >= std::numeric_limits<float>::min());
  CHECK(std::isnan(y[6]));
  CHECK(std::isnan(y[7]));
}

}  // namespace

TEST_CASE("FastExp is right to 2 ulp, flushes below −87.3 and keeps NaN", "[exp]") {
  for_each_target([] {
    CHECK(worst_error(-87.3f, exp_here, [](double x) { return std::exp(x); }) <= 2);
    check_special_values(exp_here, -87.3f);
  });
}

TEST_CASE("FastExp2 is right to 3 ulp, flushes below −126 and keeps NaN", "[exp]") {
  for_each_target([] {
    CHECK(worst_error(-126.f, exp2_here, [](double x) { return std::exp2(x); }) <= 3);
    check_special_values(exp2_here, -126.f);
  });
}

}  // namespace sclip
#endif  // HWY_ONCE
