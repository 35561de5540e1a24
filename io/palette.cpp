#include "io/palette.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_set>

namespace sclip {
namespace {

// OKLab (Björn Ottosson, 2020): distances in it are about what the eye sees.
using Lab = std::array<double, 3>;

double linear(uint8_t value) {
  const double v = value / 255.0;
  return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

Lab to_oklab(Rgb color) {
  const double r = linear(color.r), g = linear(color.g), b = linear(color.b);
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const double m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const double s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
          1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
          0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s};
}

// Hue tells classes apart on a photo; its own light and shade blur differences of lightness.
double distance(const Lab& x, const Lab& y) {
  const double l = 0.6 * (x[0] - y[0]), a = x[1] - y[1], b = x[2] - y[2];
  return l * l + a * a + b * b;
}

struct Candidate {
  Rgb color;
  Lab lab;
  double nearest = std::numeric_limits<double>::max();  // squared distance to the colours taken
};

// A grid of colours that are neither dim nor pale nor glaring.
std::vector<Candidate> make_candidates() {
  constexpr int kStep = 15;  // 255 / 17
  std::vector<Candidate> candidates;
  for (int r = 0; r <= 255; r += kStep)
    for (int g = 0; g <= 255; g += kStep)
      for (int b = 0; b <= 255; b += kStep) {
        const Rgb color{static_cast<uint8_t>(r), static_cast<uint8_t>(g), static_cast<uint8_t>(b)};
        const Lab lab = to_oklab(color);
        const double chroma = std::hypot(lab[1], lab[2]);
        if (lab[0] >= 0.45 && lab[0] <= 0.88 && chroma >= 0.08 && chroma <= 0.24) candidates.push_back({color, lab});
      }
  return candidates;
}

// Enough for every class list there is; the farthest-point search costs candidates × classes.
constexpr size_t kWellSpaced = 1024;

class Chooser {
 public:
  Rgb next() {
    Candidate& best = *std::max_element(candidates_.begin(), candidates_.end(),
                                        [](const auto& x, const auto& y) { return x.nearest < y.nearest; });
    const Rgb color = best.color;
    take(color);
    return color;
  }
  void take(Rgb color) {
    const Lab lab = to_oklab(color);
    for (Candidate& c : candidates_) c.nearest = std::min(c.nearest, distance(c.lab, lab));
  }

 private:
  std::vector<Candidate> candidates_ = make_candidates();
};

uint32_t packed(Rgb c) {
  return uint32_t{c.r} << 16 | uint32_t{c.g} << 8 | c.b;
}

// Beyond the well-spaced ones: a walk through all 2^24 colours that never repeats.
void append_walk(std::vector<Rgb>& colors, size_t classes) {
  std::unordered_set<uint32_t> used{0};
  for (const Rgb c : colors) used.insert(packed(c));
  for (uint32_t i = 1; colors.size() < classes; ++i) {
    const uint32_t c = i * 0x9e3779b1u & 0xffffffu;
    if (used.count(c) == 0) {
      colors.push_back({static_cast<uint8_t>(c >> 16), static_cast<uint8_t>(c >> 8), static_cast<uint8_t>(c)});
    }
  }
}

}  // namespace

std::vector<Rgb> make_palette(size_t classes, bool black_first) {
  // Where the search starts: colours that look well together, for the many pictures with few classes.
  static constexpr Rgb kOpening[] = {{66, 133, 244}, {234, 79, 64},  {64, 184, 92},   {250, 189, 47}, {163, 92, 214},
                                     {32, 190, 190}, {245, 135, 50}, {238, 112, 178}, {166, 206, 57}, {150, 98, 58}};
  std::vector<Rgb> colors;
  if (black_first && classes > 0) colors.push_back({0, 0, 0});
  Chooser chooser;
  for (const Rgb color : kOpening) {
    if (colors.size() == classes) return colors;
    colors.push_back(color);
    chooser.take(color);
  }
  while (colors.size() < std::min(classes, kWellSpaced)) colors.push_back(chooser.next());
  append_walk(colors, classes);
  return colors;
}

}  // namespace sclip
