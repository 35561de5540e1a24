#include "core/dtype.h"

#include <cmath>
#include <vector>

#include "tests/catch.h"

using namespace sclip;

TEST_CASE("every f16 has the value that IEEE 754 gives it, and comes back as itself") {
  size_t wrong = 0, changed = 0;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 half{static_cast<uint16_t>(bits)};
    const int exponent = static_cast<int>(bits >> 10 & 31), mantissa = static_cast<int>(bits & 1023);
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    const double expected = (bits & 0x8000) != 0 ? -magnitude : magnitude;
    const float value = to_float(half);
    if (exponent == 31) {
      wrong += mantissa != 0 ? !std::isnan(value) : !(std::isinf(value) && std::signbit(value) == (bits >= 0x8000));
    } else {
      wrong += value != expected || std::signbit(value) != (bits >= 0x8000);
    }
    if (!std::isnan(value)) changed += to_float16(value).bits != bits;
  }
  CHECK(wrong == 0);
  CHECK(changed == 0);

  // Loops over it are vectors, and end where the array does.
  std::vector<Float16> halves(37);
  for (size_t i = 0; i < halves.size(); ++i) halves[i].bits = static_cast<uint16_t>(i * 1771);
  std::vector<float> floats(halves.size() + 1, 7);
  convert_to_f32(DType::kF16, halves.data(), floats.data(), halves.size());
  for (size_t i = 0; i < halves.size(); ++i) {
    const float one = to_float(halves[i]);
    CHECK((floats[i] == one || (std::isnan(floats[i]) && std::isnan(one))));
  }
  CHECK(floats.back() == 7);
}
