// Groups of asynchronous copies: what a thread commits and what it waits for.
#include "sim/scalar.h"

namespace cudasim {

namespace {

void exec_commit(Warp& w, const Instr&) {
  for_lanes(w.exec, [&](uint32_t i) { ++w.group_now[i]; });
}
void exec_wait(Warp& w, const Instr& in) {
  const bool all = in.op == Op::kCpAsyncWaitAll;
  for (AsyncCopy& copy : w.copies) {
    uint32_t land = 0;
    for_lanes(w.exec & copy.mask, [&](uint32_t i) {
      if (all || uint64_t(copy.group[i]) + uint64_t(in.imm) < w.group_now[i]) land |= 1u << i;
    });
    if (land) land_copy(w, copy, land);
  }
  std::erase_if(w.copies, [](const AsyncCopy& c) { return c.mask == 0; });
}

}  // namespace

ExecFn select_async_copy(const Instr& in) {
  switch (in.op) {
    case Op::kCpAsyncCommit: return &exec_commit;
    case Op::kCpAsyncWait:
    case Op::kCpAsyncWaitAll: return &exec_wait;
    default: return nullptr;
  }
}

}  // namespace cudasim
