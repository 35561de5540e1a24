// Moves of vectors, address windows, the clock, and instructions that do nothing here.
#include "sim/scalar.h"

namespace cudasim {

namespace {

void exec_mov_vector(Warp& w, const Instr& in) {
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  const unsigned part = type_size(in.type) / in.vec;
  const uint64_t mask = (1ull << (8 * part)) - 1;
  for_lanes(w.exec, [&](uint32_t i) {
    if (in.imm == 1) {
      const uint64_t v = read_lane(w, in.a, in.a_size, i);
      for (unsigned k = 0; k < in.vec; ++k) write_lane(w, slots[k], in.d_size, i, v >> (8 * part * k) & mask);
    } else {
      uint64_t v = 0;
      for (unsigned k = 0; k < in.vec; ++k) v |= (read_lane(w, slots[k], in.a_size, i) & mask) << (8 * part * k);
      write_lane(w, in.d, in.d_size, i, v);
    }
  });
}

void exec_cvta(Warp& w, const Instr& in) {
  uint64_t window = 0;
  if (in.space == Space::kShared) window = kSharedWindow;
  if (in.space == Space::kLocal) window = kLocalWindow;
  if (in.space == Space::kParam) window = kParamWindow;
  const bool to = in.mods.has(Mod::k_to);
  for_lanes(w.exec, [&](uint32_t i) {
    uint64_t v = read_lane(w, in.a, in.a_size, i);
    if (window) v = to ? (v & ~kWindowMask) : v + window;
    write_lane(w, in.d, in.d_size, i, v);
  });
}
void exec_isspacep(Warp& w, const Instr& in) {
  uint32_t r = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    const uint64_t window = read_lane(w, in.a, in.a_size, i) & kWindowMask;
    bool v = window == 0 && in.space == Space::kGlobal;
    v |= window == kSharedWindow && in.space == Space::kShared;
    v |= window == kLocalWindow && in.space == Space::kLocal;
    v |= window == kParamWindow && in.space == Space::kParam;
    r |= uint32_t(v) << i;
  });
  set_pred(w, in.d, r);
}
void exec_nop(Warp&, const Instr&) {}
void exec_clock(Warp& w, const Instr& in) {
  const uint64_t now = w.counters->instructions();
  for_lanes(w.exec, [&](uint32_t i) { write_lane(w, in.d, in.d_size, i, now); });
}

}  // namespace

ExecFn select_scalar_move(const Instr& in) {
  switch (in.op) {
    case Op::kMov: return in.type != Type::kPred && in.imm ? &exec_mov_vector : nullptr;
    case Op::kCvta: return &exec_cvta;
    case Op::kIsspacep: return &exec_isspacep;
    case Op::kPrefetch:
    case Op::kNop:
    case Op::kFence: return &exec_nop;
    case Op::kReadClock: return &exec_clock;
    default: return nullptr;
  }
}

}  // namespace cudasim
