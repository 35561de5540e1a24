// What one lane of an instruction must give, by the text of the PTX ISA. Shares no code with the simulator.
#pragma once
#include <cstdint>

#include "number.h"
#include "spelling.h"

namespace conformance {

__extension__ typedef __int128 Wide;  // holds every product of two registers
__extension__ typedef unsigned __int128 UnsignedWide;

struct Expect {
  enum Kind { kBits, kNan, kNear, kSkip } kind = kBits;  // kSkip: the ISA leaves the result open
  uint64_t bits = 0;
  long double value = 0, absolute = 0, relative = 0;
  bool any_zero = false;  // the sign of a zero is left open
};
inline Expect exactly(uint64_t bits) {
  return {Expect::kBits, bits};
}
inline Expect open() {
  return {Expect::kSkip};
}
inline Expect near(long double value, long double absolute, long double relative) {
  return {Expect::kNear, 0, value, absolute, relative};
}

bool matches(Type t, const Expect& e, uint64_t bits);

// Sources are zero-extended register contents; q is the predicate source.
struct Lane {
  const uint64_t* in;
  bool q = false;
};

// Spellings that the table accepts but PTX does not have.
bool legal(const Spelling& s);

Expect reference_int(const Spelling& s, const Lane& l);
Expect reference_float(const Spelling& s, Type t, const Lane& l);  // t: .f32 .f64 or the element type of a half form
Expect reference_convert(const Spelling& s, uint64_t in);
Expect reference_pack(const Spelling& s, uint64_t in);  // one half of a cvt to two
bool reference_compare(const Spelling& s, Type t, uint64_t a, uint64_t b, bool q);
bool reference_testp(const Spelling& s, uint64_t a);
bool reference_ordering(const Spelling& s, Type t, uint64_t a, uint64_t b);  // without the predicate operand

Wide integer(Type t, uint64_t bits);  // the value of an integer register
Round rounding(const Spelling& s);
uint64_t flushed(const Spelling& s, Type t, uint64_t bits);  // .ftz

}  // namespace conformance
