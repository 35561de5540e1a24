#include "engine/dense_head/random_projection.h"

#include <cmath>

namespace sclip {
namespace {

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

void random_projection(uint32_t seed, uint32_t matrix, int64_t width, std::span<float> out) {
  const uint64_t key = mix((uint64_t{seed} << 32) + matrix);
  const double bound = std::sqrt(3.0 / static_cast<double>(width));
  for (size_t i = 0; i < out.size(); ++i) {
    const uint64_t bits = mix(key + (i + 1) * 0x9E3779B97F4A7C15u);
    const double u = static_cast<double>(bits >> 40) / 16777216.0;
    out[i] = static_cast<float>((2 * u - 1) * bound);
  }
}

}  // namespace sclip
