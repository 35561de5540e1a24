#include "kernels/interpolate/bilinear.h"

#include "tests/catch.h"

using sclip::bilinear_tap;
using sclip::BilinearTap;

// Values of torch.nn.functional.interpolate(torch.arange(in).float()[None, None], out, mode="linear"), which for a ramp
// are the sources themselves: 2 → 3 gives 0, 0.5, 1; 4 → 2 gives 0.5, 2.5; 3 → 6 gives 0, 0.25, 0.75, 1.25, 1.75, 2.
TEST_CASE("bilinear taps are those of torch", "[interpolate]") {
  const auto at = [](int in, int out, int i) {
    const BilinearTap<int> t = bilinear_tap(in, out, i);
    REQUIRE(t.index0 >= 0);
    REQUIRE(t.index1 < in);
    REQUIRE(t.weight0 + t.weight1 == 1.0f);
    return t.weight0 * static_cast<float>(t.index0) + t.weight1 * static_cast<float>(t.index1);
  };
  const float up[] = {0, 0.25f, 0.75f, 1.25f, 1.75f, 2};
  for (int i = 0; i < 6; ++i) CHECK(at(3, 6, i) == up[i]);
  CHECK(at(4, 2, 0) == 0.5f);
  CHECK(at(4, 2, 1) == 2.5f);
  CHECK(at(2, 3, 0) == 0.0f);
  CHECK(std::abs(at(2, 3, 1) - 0.5f) < 1e-6f);
  CHECK(at(2, 3, 2) == 1.0f);
  for (int i = 0; i < 5; ++i) CHECK(at(5, 5, i) == static_cast<float>(i));
  CHECK(at(1, 4, 3) == 0.0f);
}

TEST_CASE("bilinear taps stay inside for large sizes", "[interpolate]") {
  const int64_t in = 16777215, out = 16777216;
  for (int64_t i = out - 100; i < out; ++i) {
    const BilinearTap<int64_t> t = bilinear_tap(in, out, i);
    REQUIRE((t.index0 >= 0 && t.index0 < in && t.index1 < in && t.weight1 >= 0 && t.weight1 <= 1));
  }
}
