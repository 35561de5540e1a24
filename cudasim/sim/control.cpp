#include "sim/control.h"

#include <algorithm>
#include <cstring>

#include "sim/lanes.h"
#include "sim/poison.h"
#include "sim/tensor_copy.h"

namespace cudasim {

namespace {

// The lanes that do not execute the current instruction go on behind it as a group of their own.
void split_rest(Warp& w) {
  const uint32_t rest = w.active & ~w.exec;
  if (!rest) return;
  Group g;
  g.mask = rest;
  g.pc = w.pc;
  g.frame = w.frame;
  w.groups.push_back(g);
  w.active = w.exec;
}

void exec_bra(Warp& w, const Instr& in) {
  if (w.exec == w.active) {
    w.pc = in.target;
    return;
  }
  ++w.counters->divergent_branches;
  split_rest(w);
  w.pc = in.target;
  stop_warp(w, Wait::kNone);
}

void exec_brx(Warp& w, const Instr& in) {
  const std::vector<uint32_t>& table = w.fn->branch_tables[in.aux];
  const uint32_t* index = reg<uint32_t>(w, in.a);
  split_rest(w);
  uint32_t left = w.exec, groups = 0;
  while (left) {
    const uint32_t v = index[__builtin_ctz(left)];
    Group g;
    for (uint32_t k = left; k; k &= k - 1)
      if (index[__builtin_ctz(k)] == v) g.mask |= k & -k;
    left &= ~g.mask;
    if (v >= table.size()) {
      report_at(w, in, Check::kOutOfBounds, g.mask, v,
                "brx.idx with index " + std::to_string(v) + " and only " + std::to_string(table.size()) + " targets.",
                700);
      w.cta->abort = true;
      break;
    }
    g.pc = table[v];
    g.frame = w.frame;
    w.groups.push_back(g);
    ++groups;
  }
  if (groups > 1) ++w.counters->divergent_branches;
  w.active = 0;
  stop_warp(w, Wait::kNone);
}

void exit_lanes(Warp& w) {
  w.live &= ~w.exec;
  w.active &= ~w.exec;
  w.cta->exited_threads += uint32_t(__builtin_popcount(w.exec));
  for (AsyncCopy& c : w.copies) c.mask &= ~w.exec;
  if (!w.cta->stores.empty()) leave_stores(w, w.exec);
  if (!w.live) w.done = true;
  stop_warp(w, Wait::kNone);
}

void exec_exit(Warp& w, const Instr&) {
  exit_lanes(w);
}

void copy_local(Warp& w, uint32_t lanes, uint32_t to, uint32_t from, uint32_t bytes) {
  copy_poison(w, lanes, to, from, bytes);
  for (; lanes; lanes &= lanes - 1) {
    uint8_t* base = w.local + size_t(__builtin_ctz(lanes)) * w.local_stride;
    std::memmove(base + to, base + from, bytes);
  }
}

void exec_ret(Warp& w, const Instr& in) {
  Frame* f = w.frame;
  if (!f->parent) {
    exit_lanes(w);
    return;
  }
  (void)in;
  split_rest(w);
  const uint32_t lanes = w.exec;
  for (size_t i = 0; i < f->call->rets.size() && i < f->fn->rets.size(); ++i)
    copy_local(w, lanes, f->parent->local_base + f->call->rets[i].offset, f->local_base + f->fn->rets[i].offset,
               std::min(f->call->rets[i].size, f->fn->rets[i].size));
  Group g;
  g.mask = lanes;
  g.pc = f->return_pc;
  g.frame = f->parent;
  w.active = 0;
  bool used = false;
  for (const Group& o : w.groups)
    for (Frame* p = o.frame; p; p = p->parent) used |= p == f;
  w.groups.push_back(g);
  if (!used)
    for (size_t i = 0; i < w.frames.size(); ++i)
      if (w.frames[i].get() == f) {
        w.free_frames.push_back(std::move(w.frames[i]));
        w.frames.erase(w.frames.begin() + long(i));
        break;
      }
  stop_warp(w, Wait::kNone);
}

void enter(Warp& w, const Instr& in, const CallInfo& call, Function* fn, uint32_t lanes) {
  const uint32_t base = w.frame->local_base + w.frame->fn->local_bytes;
  if (base + fn->local_bytes > w.local_stride) {
    report_at(w, in, Check::kOutOfBounds, lanes, base,
              "the call of " + fn->name + " overflows the stack of " + std::to_string(w.local_stride) +
                  " bytes per thread; is the recursion unbounded?",
              700);
    w.cta->abort = true;
    return;
  }
  Frame* f = new_frame(w, fn, w.frame);
  f->local_base = base;
  f->call = &call;
  f->return_pc = w.pc;
  fill_specials(w, *f, false);
  for (size_t i = 0; i < call.args.size() && i < fn->params.size(); ++i)
    copy_local(w, lanes, base + fn->params[i].offset, w.frame->local_base + call.args[i].offset,
               std::min(call.args[i].size, fn->params[i].size));
  Group g;
  g.mask = lanes;
  g.pc = 0;
  g.frame = f;
  w.groups.push_back(g);
}

void exec_call(Warp& w, const Instr& in) {
  const CallInfo& call = w.fn->calls[in.aux];
  if (call.callee && !call.callee->has_body) {
    if (!call_builtin(w, in, call, *call.callee)) {
      report_at(w, in, Check::kUnsupported, w.exec, 0,
                "the kernel calls " + call.callee->name + ", which no module defines and cudasim does not provide.",
                719);
      w.cta->abort = true;
      stop_warp(w, Wait::kNone);
    }
    return;
  }
  split_rest(w);
  if (call.callee) {
    enter(w, in, call, call.callee, w.exec);
  } else {
    const uint64_t* p = reg<uint64_t>(w, call.pointer_slot);
    for (uint32_t left = w.exec; left;) {
      const uint64_t target = p[__builtin_ctz(left)];
      uint32_t lanes = 0;
      for (uint32_t k = left; k; k &= k - 1)
        if (p[__builtin_ctz(k)] == target) lanes |= k & -k;
      left &= ~lanes;
      Function* fn = w.cta->launch->module->function_at(target);
      if (!fn || !fn->has_body) {
        report_at(w, in, Check::kOutOfBounds, lanes, target, "an indirect call goes to an address that is no function.",
                  700);
        w.cta->abort = true;
        break;
      }
      enter(w, in, call, fn, lanes);
    }
  }
  w.active = 0;
  stop_warp(w, Wait::kNone);
}

void exec_trap(Warp& w, const Instr& in) {
  report_at(w, in, Check::kTrap, w.exec, 0, "the kernel executed a trap instruction.", 719);
  w.cta->abort = true;
  stop_warp(w, Wait::kNone);
}

void exec_bar(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  const int first = __builtin_ctz(w.exec);
  const uint32_t id = reg<uint32_t>(w, in.a)[first];
  const uint32_t count = in.b ? reg<uint32_t>(w, in.b)[first] : 0;
  if (id > 15) {
    report_at(w, in, Check::kBarrierDivergence, w.exec, id,
              "barrier " + std::to_string(id) + " does not exist; a block has barriers 0 to 15.", 719);
    return;
  }
  if (c.check_sync && count && in.aligned && w.exec != w.live)
    report_at(w, in, Check::kBarrierDivergence, w.exec, 0,
              "lanes " + lane_list(w.live & ~w.exec) +
                  " of this warp do not take part in the barrier, which counts whole warps.");
  Barrier& b = c.barriers[id];
  if (in.op == Op::kBarRed) {
    const uint32_t q = *reg<uint32_t>(w, in.c) ^ (in.neg_pred ? ~0u : 0u);
    b.or_value |= (q & w.exec) != 0;
    if ((q & w.exec) != w.exec) b.and_value = 0;
    b.popc += uint32_t(__builtin_popcount(q & w.exec));
  }
  b.expected = count;
  b.arrived += count && in.aligned ? 32u : uint32_t(__builtin_popcount(w.exec));
  b.warps |= 1u << w.index;
  if (in.op == Op::kBarArrive) {
    if (barrier_complete(c, id)) release_barrier(c, id);
    return;
  }
  split_rest(w);
  w.stop_barrier = id;
  Group g;
  g.mask = w.exec;
  g.pc = w.pc;
  g.frame = w.frame;
  g.wait = Wait::kBarrier;
  g.wait_instr = &in;
  g.barrier = id;
  w.groups.push_back(g);
  w.active = 0;
  stop_warp(w, Wait::kBarrier);
}

}  // namespace

bool barrier_complete(const Cta& c, unsigned id) {
  const Barrier& b = c.barriers[id];
  if (!b.arrived) return false;
  return b.arrived >= (b.expected ? b.expected : c.launch->threads - c.exited_threads);
}

// Threads that exited count as arrived on current devices, but CUDA leaves a barrier undefined that not all threads of
// the block reach. Lanes may come in parts, since where they meet again is up to the hardware; they must come to one
// instruction.
static void check_participants(Cta& c, unsigned id) {
  uint32_t gone = 0;
  for (auto& w : c.warps) gone |= uint32_t(w->done) << w->index;
  for (auto& w : c.warps) {
    const Group* first = nullptr;
    const Group* other = nullptr;
    for (const Group& g : w->groups) {
      if (g.wait != Wait::kBarrier || g.barrier != id || !g.wait_instr->aligned) continue;
      if (!first)
        first = &g;
      else if (g.wait_instr != first->wait_instr)
        other = &g;
    }
    if (!first) continue;
    std::string what;
    const uint32_t exited = w->initial & ~w->live;
    if (other)
      what = "lanes " + lane_list(other->mask) + " wait at another barrier, at PTX line " +
             std::to_string(other->wait_instr->line);
    else if (exited)
      what = "lanes " + lane_list(exited) + " of this warp have exited";
    else if (gone)
      what = "warps " + lane_list(gone) + " of the block have exited";
    else
      continue;
    Function* fn = w->fn;
    w->fn = first->frame->fn;
    report_at(*w, *first->wait_instr, Check::kBarrierDivergence, first->mask, 0,
              "this warp waits for the whole block, but " + what +
                  "; move the barrier to where all threads of the block meet.");
    w->fn = fn;
    return;
  }
}

void release_barrier(Cta& c, unsigned id) {
  Barrier& b = c.barriers[id];
  if (c.check_sync && !b.expected) check_participants(c, id);
  const bool whole = !b.expected || b.expected >= c.launch->threads;
  if (whole) {
    set_base(c, c.now);
    for (auto& w : c.warps) w->last_sync = c.now;
  } else {
    uint32_t joined[32] = {};
    for (auto& w : c.warps) {
      if (!(b.warps >> w->index & 1)) continue;
      for (int i = 0; i < 32; ++i) joined[i] = std::max(joined[i], w->vc[i]);
      joined[w->index] = c.now;
    }
    for (auto& w : c.warps) {
      if (!(b.warps >> w->index & 1)) continue;
      std::memcpy(w->vc, joined, sizeof joined);
      w->last_sync = c.now;
    }
  }
  if (++c.now > kTagMaxTime) renormalise_shadow(c);
  for (auto& w : c.warps)
    for (Group& g : w->groups) {
      if (g.wait != Wait::kBarrier || g.barrier != id) continue;
      g.wait = Wait::kNone;
      const Instr& in = *g.wait_instr;
      if (in.op != Op::kBarRed) continue;
      uint8_t* regs = g.frame->regs;
      if (in.mods.has(Mod::k_popc)) {
        for (uint32_t k = g.mask; k; k &= k - 1) reinterpret_cast<uint32_t*>(regs + in.d)[__builtin_ctz(k)] = b.popc;
      } else {
        uint32_t& d = *reinterpret_cast<uint32_t*>(regs + in.d);
        const uint32_t v = (in.mods.has(Mod::k_or_) ? b.or_value != 0 : b.and_value != 0) ? ~0u : 0u;
        d = (d & ~g.mask) | (v & g.mask);
      }
    }
  b = Barrier{};
}

bool warp_sync_ready(Warp& w, const Instr& in, uint32_t members) {
  if (w.exec & ~members) {
    if (w.cta->check_sync)
      report_at(w, in, Check::kWarpSyncDivergence, w.exec & ~members, 0,
                "these lanes execute a warp-level operation whose member mask does not name them.");
    return true;
  }
  const uint32_t missing = members & w.live & ~w.exec;
  if (!missing) return true;
  if ((missing & w.active) == missing || w.force_sync) {
    w.force_sync = false;
    if (w.cta->check_sync)
      report_at(w, in, Check::kWarpSyncDivergence, w.exec, 0,
                "the member mask of this warp-level operation names lanes that never execute it.");
    return true;
  }
  --w.counters->by_class[unsigned(in.cls)];  // it is tried again
  --w.pc;
  Group g;
  g.mask = w.active;
  g.pc = w.pc;
  g.frame = w.frame;
  g.wait = Wait::kWarpSync;
  g.wait_instr = &in;
  g.sync_members = members;
  w.groups.push_back(g);
  w.active = 0;
  stop_warp(w, Wait::kWarpSync);
  return false;
}

void reschedule(Warp& w) {
  if (w.active) {
    Group g;
    g.mask = w.active;
    g.pc = w.pc;
    g.frame = w.frame;
    if (w.stop == Wait::kYield) g.yielded = ++w.yields;
    w.groups.push_back(g);
    w.active = 0;
  }
  w.stop = Wait::kNone;
  std::vector<Group>& gs = w.groups;
  for (Group& g : gs) g.mask &= w.live;
  for (size_t i = 0; i < gs.size(); ++i) {
    if (gs[i].wait == Wait::kBarrier || !gs[i].mask) continue;
    for (size_t j = i + 1; j < gs.size(); ++j)
      if (gs[j].mask && gs[j].wait != Wait::kBarrier && gs[j].pc == gs[i].pc && gs[j].frame == gs[i].frame) {
        gs[i].mask |= gs[j].mask;
        gs[i].wait = Wait::kNone;
        gs[i].yielded = std::min(gs[i].yielded, gs[j].yielded);
        gs[j].mask = 0;
      }
  }
  std::erase_if(gs, [](const Group& g) { return g.mask == 0; });
  // Those that poll come last, in turns.
  auto pick_poller = [&] {
    size_t best = gs.size();
    for (size_t i = 0; i < gs.size(); ++i)
      if (gs[i].yielded && (best == gs.size() || gs[i].yielded < gs[best].yielded)) best = i;
    return best;
  };
  auto pick = [&]() -> size_t {
    size_t best = gs.size();
    for (size_t i = 0; i < gs.size(); ++i) {
      const Group& g = gs[i];
      if (g.wait == Wait::kBarrier || g.yielded) continue;
      if (g.wait == Wait::kWarpSync && (g.sync_members & w.live & ~g.mask) != 0) continue;
      if (best == gs.size() || g.frame->depth > gs[best].frame->depth ||
          (g.frame->depth == gs[best].frame->depth && g.pc < gs[best].pc))
        best = i;
    }
    return best;
  };
  size_t best = pick();
  if (best == gs.size() && !gs.empty()) {
    // Only waiting groups are left. Warp barriers at different places with one member mask release each other.
    for (Group& g : gs) {
      if (g.wait != Wait::kWarpSync || g.wait_instr->op != Op::kBarWarp) continue;
      uint32_t here = 0;
      for (const Group& o : gs)
        if (o.wait == Wait::kWarpSync && o.wait_instr->op == Op::kBarWarp && o.sync_members == g.sync_members)
          here |= o.mask;
      if ((g.sync_members & w.live & ~here) == 0) {
        const uint32_t members = g.sync_members;
        for (Group& o : gs)
          if (o.wait == Wait::kWarpSync && o.wait_instr->op == Op::kBarWarp && o.sync_members == members) {
            o.wait = Wait::kNone;
            ++o.pc;
          }
        warp_synced(w);
        break;
      }
    }
    best = pick();
    if (best == gs.size()) best = pick_poller();
    if (best == gs.size() &&
        std::none_of(gs.begin(), gs.end(), [](const Group& g) { return g.wait == Wait::kBarrier; })) {
      best = 0;
      w.force_sync = true;
    }
  }
  if (best == gs.size()) return;
  const Group g = gs[best];
  gs.erase(gs.begin() + long(best));
  w.active = g.mask;
  w.pc = g.pc;
  w.frame = g.frame;
  w.fn = g.frame->fn;
  w.regs = g.frame->regs;
  w.code = w.fn->code.data();
  w.limit = 0xFFFFFFFF;
  for (const Group& o : gs)
    // Groups behind are waiting for other lanes; who jumps back to them stops there by itself.
    if (o.frame == g.frame && o.wait != Wait::kBarrier && o.pc > g.pc) w.limit = std::min(w.limit, o.pc);
}

Frame* new_frame(Warp& w, Function* fn, Frame* parent) {
  std::unique_ptr<Frame> f;
  for (size_t i = 0; i < w.free_frames.size() && !f; ++i)
    if (w.free_frames[i]->fn == fn) {
      f = std::move(w.free_frames[i]);
      w.free_frames.erase(w.free_frames.begin() + long(i));
    }
  if (!f) {
    f = std::make_unique<Frame>();
    f->fn = fn;
    f->storage.resize(fn->frame_bytes + 64);
    f->regs = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(f->storage.data()) + 63) & ~uintptr_t(63));
    for (const Constant& c : fn->constants) {
      if (c.size == 0) {
        const uint32_t v = c.bits ? ~0u : 0u;
        std::memcpy(f->regs + c.slot, &v, 4);
        continue;
      }
      for (unsigned i = 0; i < 32; ++i) std::memcpy(f->regs + c.slot + i * c.size, &c.bits, c.size);
    }
  }
  forget_frame(w, f.get());
  f->parent = parent;
  f->depth = parent ? parent->depth + 1 : 0;
  Frame* raw = f.get();
  w.frames.push_back(std::move(f));
  return raw;
}

void fill_specials(Warp& w, Frame& f, bool only_block) {
  const Cta& c = *w.cta;
  const Launch& l = *c.launch;
  for (const SpecialUse& s : f.fn->specials) {
    const bool block = s.kind == Special::kCtaidX || s.kind == Special::kCtaidY || s.kind == Special::kCtaidZ;
    if (only_block && !block) continue;
    for (uint32_t i = 0; i < 32; ++i) {
      const uint32_t t = w.index * 32 + i;
      uint64_t v = 0;
      switch (s.kind) {
        case Special::kTidX: v = t % l.block[0]; break;
        case Special::kTidY: v = t / l.block[0] % l.block[1]; break;
        case Special::kTidZ: v = t / l.block[0] / l.block[1]; break;
        case Special::kNtidX: v = l.block[0]; break;
        case Special::kNtidY: v = l.block[1]; break;
        case Special::kNtidZ: v = l.block[2]; break;
        case Special::kCtaidX: v = c.id[0]; break;
        case Special::kCtaidY: v = c.id[1]; break;
        case Special::kCtaidZ: v = c.id[2]; break;
        case Special::kNctaidX: v = l.grid[0]; break;
        case Special::kNctaidY: v = l.grid[1]; break;
        case Special::kNctaidZ: v = l.grid[2]; break;
        case Special::kLaneid: v = i; break;
        case Special::kWarpid: v = w.index; break;
        case Special::kNwarpid: v = l.warps; break;
        case Special::kLanemaskEq: v = 1u << i; break;
        case Special::kLanemaskLe: v = (2ull << i) - 1; break;
        case Special::kLanemaskLt: v = (1ull << i) - 1; break;
        case Special::kLanemaskGe: v = uint32_t(~((1ull << i) - 1)); break;
        case Special::kLanemaskGt: v = uint32_t(~((2ull << i) - 1)); break;
        case Special::kSmid: v = 0; break;
        case Special::kNsmid: v = 1; break;
        case Special::kGridid: v = l.id; break;
        case Special::kDynamicSmemSize: v = l.dynamic_shared; break;
        case Special::kTotalSmemSize: v = l.shared_bytes; break;
        case Special::kGridWorkspaceHigh: v = l.grid_workspace >> 32; break;
        case Special::kGridWorkspaceLow: v = uint32_t(l.grid_workspace); break;
        case Special::kDynShared: v = l.dynamic_offset; break;
        case Special::kLocalBase: v = f.local_base; break;
        case Special::kZero: v = 0; break;
      }
      v += uint64_t(s.offset);
      std::memcpy(f.regs + s.slot + i * s.size, &v, s.size);
    }
  }
}

ExecFn select_control(const Instr& in) {
  switch (in.op) {
    case Op::kBra: return &exec_bra;
    case Op::kBrx: return &exec_brx;
    case Op::kCall: return &exec_call;
    case Op::kRet: return &exec_ret;
    case Op::kExit: return &exec_exit;
    case Op::kTrap: return &exec_trap;
    case Op::kBar:
    case Op::kBarRed:
    case Op::kBarArrive: return &exec_bar;
    default: return nullptr;
  }
}

}  // namespace cudasim
