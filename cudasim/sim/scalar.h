// What the instructions with one implementation for all instruction sets share, and the choice of one by family.
#pragma once
#include "sim/lanes.h"

namespace cudasim {

// The code for an instruction, by family; null when it is not of the family.
ExecFn select_scalar_int(const Instr& in);
ExecFn select_scalar_float(const Instr& in);
ExecFn select_scalar_compare(const Instr& in);
ExecFn select_scalar_convert(const Instr& in);
ExecFn select_scalar_move(const Instr& in);
ExecFn select_atomic(const Instr& in);
ExecFn select_collective(const Instr& in);
ExecFn select_async_copy(const Instr& in);

// What an atomic operation or reduction makes of the old value; c is only used by compare-and-swap.
uint64_t atomic_value(const Instr& in, uint64_t old, uint64_t b, uint64_t c);

__extension__ typedef __int128 Wide128;
__extension__ typedef unsigned __int128 UnsignedWide128;

}  // namespace cudasim
