// Warp-level operations: shuffles, votes, matches, reductions, and the barrier of a warp.
#include "sim/control.h"
#include "sim/scalar.h"

namespace cudasim {

namespace {

uint32_t members_of(Warp& w, uint32_t slot) {
  return reg<uint32_t>(w, slot)[__builtin_ctz(w.exec)];
}

void exec_shfl(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.e))) return;
  const uint32_t *a = reg<uint32_t>(w, in.a), *b = reg<uint32_t>(w, in.b), *c = reg<uint32_t>(w, in.c);
  uint32_t t[32], p = 0, invalid = 0;
  for_lanes(w.exec, [&](uint32_t i) {
    const uint32_t bv = b[i] & 31, clamp = c[i] & 31, seg = c[i] >> 8 & 31;
    const int max = int((i & seg) | (clamp & ~seg));
    int j;
    bool ok;
    if (in.mods.has(Mod::k_up)) {
      j = int(i) - int(bv);
      ok = j >= max;
    } else if (in.mods.has(Mod::k_down)) {
      j = int(i + bv);
      ok = j <= max;
    } else if (in.mods.has(Mod::k_bfly)) {
      j = int(i ^ bv);
      ok = j <= max;
    } else {
      j = int((i & seg) | (bv & ~seg));
      ok = j <= max;
    }
    if (!ok)
      j = int(i);
    else
      p |= 1u << i;
    if (ok && !(w.exec >> j & 1)) invalid |= 1u << i;
    t[i] = a[j & 31];
  });
  // Reading from a lane that does not take part gives an undefined value; only the lanes that a program then uses
  // matter, so this is no finding by itself. The value is made conspicuous instead.
  for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = (invalid >> i & 1) ? 0xDEADBEEF : t[i]; });
  if (in.d2) set_pred(w, in.d2, p);
  warp_synced(w);
}
void exec_vote(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.b))) return;
  const uint32_t q = pred_source(w, in, in.a) & w.exec;
  if (in.mods.has(Mod::k_ballot)) {
    for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = q; });
  } else {
    const bool r = in.mods.has(Mod::k_all) ? q == w.exec : in.mods.has(Mod::k_any) ? q != 0 : q == 0 || q == w.exec;
    set_pred(w, in.d, r ? ~0u : 0u);
  }
  warp_synced(w);
}
void exec_match(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.b))) return;
  const unsigned size = type_size(in.type);
  uint32_t t[32];
  bool all = true;
  for_lanes(w.exec, [&](uint32_t i) {
    t[i] = 0;
    for_lanes(w.exec, [&](uint32_t j) {
      if (read_lane(w, in.a, size, i) == read_lane(w, in.a, size, j)) t[i] |= 1u << j;
    });
    all &= t[i] == w.exec;
  });
  if (in.mods.has(Mod::k_all)) {
    for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = all ? w.exec : 0; });
    if (in.d2) set_pred(w, in.d2, all ? ~0u : 0u);
  } else {
    for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = t[i]; });
  }
  warp_synced(w);
}
void exec_redux(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.b))) return;
  const uint32_t* a = reg<uint32_t>(w, in.a);
  uint64_t r = a[__builtin_ctz(w.exec)];
  for_lanes(w.exec & (w.exec - 1), [&](uint32_t i) { r = atomic_value(in, r, a[i], 0) & 0xFFFFFFFF; });
  for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = uint32_t(r); });
  warp_synced(w);
}
void exec_activemask(Warp& w, const Instr& in) {
  for_lanes(w.exec, [&](uint32_t i) { reg<uint32_t>(w, in.d)[i] = w.exec; });
}
void exec_movmatrix(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, ~0u)) return;
  uint16_t e[8][8];
  const uint32_t* a = reg<uint32_t>(w, in.a);
  for (uint32_t i = 0; i < 32; ++i) {
    e[i / 4][2 * (i % 4)] = uint16_t(a[i]);
    e[i / 4][2 * (i % 4) + 1] = uint16_t(a[i] >> 16);
  }
  for (uint32_t i = 0; i < 32; ++i)
    reg<uint32_t>(w, in.d)[i] = uint32_t(e[2 * (i % 4)][i / 4]) | uint32_t(e[2 * (i % 4) + 1][i / 4]) << 16;
}
void exec_bar_warp(Warp& w, const Instr& in) {
  if (!warp_sync_ready(w, in, members_of(w, in.a))) return;
  warp_synced(w);
}

}  // namespace

ExecFn select_collective(const Instr& in) {
  switch (in.op) {
    case Op::kShfl: return &exec_shfl;
    case Op::kVote: return &exec_vote;
    case Op::kMatch: return &exec_match;
    case Op::kRedux: return &exec_redux;
    case Op::kActivemask: return &exec_activemask;
    case Op::kMovmatrix: return &exec_movmatrix;
    case Op::kBarWarp: return &exec_bar_warp;
    default: return nullptr;
  }
}

}  // namespace cudasim
