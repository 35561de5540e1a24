// Instructions with one implementation for all instruction sets: rare ones lane by lane, and those that work on the
// state of the warp (control flow, votes, shuffles, atomics, barriers).
#include "sim/control.h"
#include "sim/scalar.h"
#include "sim/tensor_copy.h"
#include "sim/warpgroup.h"

namespace cudasim {

ExecFn select_common(const Instr& in) {
  for (const auto select : {select_scalar_int, select_scalar_float, select_scalar_compare, select_scalar_convert,
                            select_scalar_move, select_atomic, select_collective, select_async_copy, select_tensor_copy,
                            select_mbarrier, select_warpgroup, select_control})
    if (const ExecFn fn = select(in)) return fn;
  return nullptr;
}

}  // namespace cudasim
