// The random matrices of the policy `random`, the same on every machine and in every language.
//
// Uniform in ±√(3 / C): the variance of 1 / C that CLIP's own attention is initialised with, and the interval of
// PyTorch's xavier_uniform_ for (C, C). Element i of matrix m under seed s is computed from i alone:
//   key = mix(s · 2^32 + m),  bits = mix(key + (i + 1) · 0x9E3779B97F4A7C15)   modulo 2^64
//   u = ⌊bits / 2^40⌋ / 2^24,  value = (2u − 1) · √(3 / C) in f64, then rounded to f32
// where mix is SplitMix64's: z ^= z >> 30; z *= 0xBF58476D1CE4E5B9; z ^= z >> 27; z *= 0x94D049BB133111EB; z ^= z
// >> 31.
#pragma once

#include <cstdint>
#include <span>

namespace sclip {

// Fills (C, C), row by row.
void random_projection(uint32_t seed, uint32_t matrix, int64_t width, std::span<float> out);

}  // namespace sclip
