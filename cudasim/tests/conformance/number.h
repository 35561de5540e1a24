// Floating-point formats by their definition: exact values in long double, rounded once. Shares no code with the
// simulator.
#pragma once
#include <cstdint>

#include "ptx/types.h"

namespace conformance {

using cudasim::Type;

enum class Round { kNearest, kZero, kDown, kUp };

long double decode(Type t, uint64_t bits);  // .f16 .bf16 .f32 .f64
// `x` is exact, or rounded to odd to the 64 bits of a long double.
uint64_t encode(Type t, long double x, Round mode);
bool is_nan(Type t, uint64_t bits);
bool is_subnormal(Type t, uint64_t bits);
uint64_t sign_bit(Type t);
uint64_t largest_finite(Type t);

// a op b, or a * b + c, rounded to odd, so that one more rounding by encode is correct. op: + - * / s (sqrt of a).
long double odd(char op, long double a, long double b, Round mode);
// Correctly rounded arithmetic of a format. op: + - * / s f (fma)
uint64_t arithmetic(Type t, char op, uint64_t a, uint64_t b, uint64_t c, Round mode);

}  // namespace conformance
