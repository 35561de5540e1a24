// Operands worth trying, by type.
#pragma once
#include <cstdint>
#include <vector>

#include "harness.h"
#include "ptx/types.h"

namespace conformance {

// Special values of one element (not of packed pairs).
const std::vector<uint64_t>& special_values(cudasim::Type t);
// Shift counts, positions and lengths: around the widths of registers and beyond a byte.
const std::vector<uint64_t>& count_values();
// A special value or random bits; for floats often of moderate size.
uint64_t pick(cudasim::Type t, Random& random);

}  // namespace conformance
