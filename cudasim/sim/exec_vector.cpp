// One instruction set's table: which code an instruction gets, and the loop that runs a warp.
#include "sim/vector.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

ExecFn select(const Instr& in) {
  ExecFn fn = nullptr;
  switch (in.op) {
    case Op::kSetp: fn = select_compare(in); break;
    case Op::kSelp:
    case Op::kMov:
    case Op::kCvt:
    case Op::kCvtPack2: fn = select_move(in); break;
    case Op::kLd:
    case Op::kSt:
    case Op::kCpAsync: fn = select_memory(in); break;
    case Op::kLdmatrix:
    case Op::kStmatrix:
    case Op::kMma: fn = select_matrix(in); break;
    case Op::kWgmma: fn = select_wgmma(in); break;
    default:
      if (in.type == Type::kPred) break;
      if (in.cls == OpClass::kInt)
        fn = select_int(in);
      else if (in.type == Type::kF32)
        fn = select_float(in);
      else if (in.type == Type::kF64)
        fn = select_double(in);
      else if (in.cls == OpClass::kHalf || in.op == Op::kEx2)
        fn = select_half(in);
  }
  return fn ? fn : select_common(in);
}

void run(Warp& w, uint64_t budget) {
  uint64_t* counts = w.counters->by_class;
  uint64_t left = budget;
  while (w.pc < w.limit) {
    const Instr& in = w.code[w.pc++];
    uint32_t m = w.active;
    if (in.guard) {
      const uint32_t p = pred(w, in.guard);
      m &= in.guard_neg ? ~p : p;
      if (!m) continue;
    }
    w.exec = m;
    ++counts[unsigned(in.cls)];
    in.fn(w, in);
    if (--left == 0) return;
  }
}

}  // namespace

extern const IsaTable kTable;
const IsaTable kTable = {CUDASIM_ISA_NAME, &select, &run};

}  // namespace CUDASIM_ISA
}  // namespace cudasim
