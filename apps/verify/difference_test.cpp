#include "apps/verify/difference.h"

#include <cmath>
#include <vector>

#include "tests/catch.h"

namespace sclip {
namespace {

using Logits = std::vector<float>;
using Labels = std::vector<uint16_t>;

TEST_CASE("the difference of two photos' logits is that of all their logits") {
  Difference first(2), second(2);
  first.add_logits(Logits{0.25f, -0.5f}, Logits{0.5f, -0.5f});
  second.add_logits(Logits{1.0f, 0.0f}, Logits{0.25f, 0.0f});
  CHECK(first.range() == 0.75);
  CHECK(first.max_error() == 0.25);
  CHECK(first.rms_error() == Approx(0.25 / std::sqrt(2.0)));
  first += second;
  CHECK(first.least() == -0.5);
  CHECK(first.most() == 1.0);
  CHECK(first.max_error() == 0.75);
  CHECK(first.rms_error() == Approx(std::sqrt((0.0625 + 0.5625) / 4)));
}

TEST_CASE("a logit that is no number is an error without end") {
  for (const float bad : {NAN, INFINITY}) {
    Difference d(1);
    d.add_logits(Logits{0.5f, 0.5f}, Logits{bad, 0.25f});
    CHECK(std::isinf(d.max_error()));
    CHECK_FALSE(std::isfinite(d.rms_error()));
  }
}

TEST_CASE("labels are compared pixel by pixel, and no class is a class of its own") {
  Difference d(2);
  d.add_labels(Labels{0, 0, 0, 1, 255, 255}, Labels{0, 0, 1, 1, 255, 0});
  CHECK(d.pixels() == 6);
  CHECK(d.equal() == 4);
  CHECK(d.agreement() == Approx(4.0 / 6));
  // Class 0: 2 of 4; class 1: 1 of 2; no class: 1 of 2.
  CHECK(d.mean_iou() == Approx((2.0 / 4 + 1.0 / 2 + 1.0 / 2) / 3));
  Difference more(2);
  more.add_labels(Labels{1}, Labels{1});
  d += more;
  CHECK(d.pixels() == 7);
  CHECK(d.equal() == 5);
  CHECK_THROWS(d.add_labels(Labels{1, 1}, Labels{1}));
  CHECK_THROWS(d.add_logits(Logits{1}, Logits{}));
}

}  // namespace
}  // namespace sclip
