#include "sim/poison.h"

#include <algorithm>
#include <string>

#include "sim/lanes.h"
#include "sim/warpgroup.h"

namespace cudasim {

namespace {

Poison::Registers& registers(Warp& w) {
  Poison::Registers& r = w.poison->frames[w.frame];
  if (r.lanes.empty()) {
    r.lanes.resize(w.fn->frame_bytes / 4 + 1);
    r.origin.resize(r.lanes.size());
  }
  return r;
}

// What the current instruction reads and where its poison comes from.
struct Step {
  Warp& w;
  const Instr& in;
  Poison& p;
  Poison::Registers& regs;
  uint32_t exec, guard = 0, origin = 0;  // guard: lanes whose guard predicate is poisoned
  struct Dest {
    uint32_t slot, lanes;
  };
  std::vector<Dest> dests;

  uint32_t lanes(uint32_t slot) {
    const uint32_t m = slot ? regs.lanes[slot / 4] & w.active : 0;
    if (m) origin = regs.origin[slot / 4];
    return m;
  }
  void write(uint32_t slot, uint32_t value) {
    if (slot) dests.push_back({slot, value});
  }
  const uint32_t* slots() const { return w.fn->slots.data() + in.aux; }
};

void set_lanes(Poison& p, Poison::Registers& r, uint32_t slot, uint32_t mask, uint32_t origin) {
  uint32_t& old = r.lanes[slot / 4];
  p.poisoned += size_t(mask != 0) - size_t(old != 0);
  old = mask;
  if (mask) r.origin[slot / 4] = origin;
}

// Reports the read that the value came from, and takes the poison away so that one fault is one finding.
void used(Step& s, uint32_t slot, uint32_t lanes, const char* how) {
  const PoisonOrigin& o = s.p.origins[s.regs.origin[slot / 4]];
  std::string where = " at PTX line " + std::to_string(s.in.line);
  if (s.in.loc) {
    const std::string source = s.w.cta->launch->module->source_of(s.w.fn->locs[s.in.loc - 1]);
    if (!source.empty()) where += ", source " + source;
  }
  Function* fn = s.w.fn;
  s.w.fn = o.fn;
  report_at(s.w, *o.instr, Check::kUninitialisedShared, lanes, o.offset,
            "shared offset " + std::to_string(o.offset) + " is read before anything was written to it, and the value " +
                how + where + ".");
  s.w.fn = fn;
  set_lanes(s.p, s.regs, slot, s.regs.lanes[slot / 4] & ~lanes, 0);
}

void use_source(Step& s, uint32_t slot, const char* how) {
  if (const uint32_t m = s.lanes(slot) & s.exec) used(s, slot, m, how);
}

bool acts(Op op) {  // does more than write registers
  switch (op) {
    case Op::kBra:
    case Op::kBrx:
    case Op::kCall:
    case Op::kRet:
    case Op::kExit:
    case Op::kTrap:
    case Op::kSt:
    case Op::kAtom:
    case Op::kRed:
    case Op::kCpAsync:
    case Op::kBar:
    case Op::kBarRed:
    case Op::kBarArrive:
    case Op::kBarWarp:
    case Op::kStmatrix:
    case Op::kMbarInit:
    case Op::kMbarInval:
    case Op::kMbarArrive:
    case Op::kMbarWait:
    case Op::kTensorLoad:
    case Op::kTensorStore:
    case Op::kWgmma: return true;
    default: return false;
  }
}

enum class Window { kGlobal, kShared, kLocal };
Window window_of(const Instr& in, uint64_t address) {
  if (in.space == Space::kShared) return Window::kShared;
  if (in.space == Space::kLocal) return Window::kLocal;
  if (in.space != Space::kGeneric) return Window::kGlobal;
  return (address & kWindowMask) == kSharedWindow  ? Window::kShared
         : (address & kWindowMask) == kLocalWindow ? Window::kLocal
                                                   : Window::kGlobal;
}
uint64_t address_of_lane(const Warp& w, const Instr& in, uint32_t lane) {
  const uint64_t a = read_lane(w, in.a, in.a_size, lane) + uint64_t(in.imm);
  return in.a_size == 4 ? uint32_t(a) : a;
}

void load(Step& s) {
  use_source(s, s.in.a, "is an address");
  const unsigned n = s.in.vec, bytes = type_size(s.in.type);
  for (unsigned k = 0; k < n; ++k) {
    const uint32_t slot = n > 1 ? s.slots()[k] : s.in.d;
    uint32_t m = 0;
    if (!s.p.local.empty())
      for_lanes(s.exec, [&](uint32_t i) {
        const uint64_t a = address_of_lane(s.w, s.in, i);
        if (window_of(s.in, a) != Window::kLocal) return;
        const uint32_t first = uint32_t(a & ~kWindowMask) + k * bytes;
        for (uint32_t word = first / 4; word * 4 < first + bytes; ++word)
          if (auto it = s.p.local.find(uint64_t(i) << 32 | word); it != s.p.local.end()) {
            m |= 1u << i;
            s.origin = it->second;
          }
      });
    // Set before the load runs: shared_read_checked adds the lanes that it finds.
    set_lanes(s.p, s.regs, slot, (s.regs.lanes[slot / 4] & ~s.exec) | m | s.guard, s.origin);
  }
}

// Stores to shared and local memory carry poison along; to global memory they are a use.
void store_before(Step& s) {
  use_source(s, s.in.a, "is an address");
  for (unsigned k = 0; k < s.in.vec; ++k) {
    const uint32_t slot = s.in.vec > 1 ? s.slots()[k] : s.in.b;
    uint32_t global = 0;
    for_lanes(s.lanes(slot) & s.exec, [&](uint32_t i) {
      if (window_of(s.in, address_of_lane(s.w, s.in, i)) == Window::kGlobal) global |= 1u << i;
    });
    if (global) used(s, slot, global, "is stored to global memory");
  }
}
void store_after(Step& s) {
  const unsigned bytes = type_size(s.in.type);
  SharedShadow& shadow = s.w.cta->shadow;
  for (unsigned k = 0; k < s.in.vec; ++k) {
    const uint32_t slot = s.in.vec > 1 ? s.slots()[k] : s.in.b;
    const uint32_t m = s.lanes(slot);
    for_lanes(s.exec, [&](uint32_t i) {
      const uint64_t a = address_of_lane(s.w, s.in, i);
      const Window window = window_of(s.in, a);
      const uint64_t first = (a & ~kWindowMask) + k * bytes;
      if (window == Window::kShared && (m >> i & 1) && first + bytes <= s.w.cta->launch->shared_bytes) {
        for (uint64_t b = first; b < first + bytes; ++b) shadow.state[b / 4] &= uint8_t(~(1u << (b % 4)));
      } else if (window == Window::kLocal) {
        for (uint64_t word = first / 4; word * 4 < first + bytes; ++word) {
          if (m >> i & 1)
            s.p.local[uint64_t(i) << 32 | word] = s.origin;
          else
            s.p.local.erase(uint64_t(i) << 32 | word);
        }
      }
    });
  }
}

// Each half of a fragment's register becomes two bytes of the row that a lane addresses.
void stmatrix_after(Step& s) {
  SharedShadow& shadow = s.w.cta->shadow;
  const bool trans = s.in.mods.has(Mod::k_trans);
  for (unsigned k = 0; k < s.in.vec; ++k)
    for_lanes(s.lanes(s.slots()[k]), [&](uint32_t i) {
      for (unsigned half = 0; half < 2; ++half) {
        const uint32_t row = trans ? 2 * (i % 4) + half : i / 4, column = trans ? i / 4 : 2 * (i % 4) + half;
        const uint64_t at = (address_of_lane(s.w, s.in, 8 * k + row) & ~kWindowMask) + 2 * column;
        if (at + 2 <= s.w.cta->launch->shared_bytes) shadow.state[at / 4] &= uint8_t(~(3u << (at % 4)));
      }
    });
}

// A known false makes "and" false whatever the other operand is; a known true makes "or" true.
uint32_t logic(Step& s) {
  const uint32_t pa = s.lanes(s.in.a), pb = s.lanes(s.in.b), any = pa | pb;
  if (!any || s.in.op == Op::kXor) return any;
  uint32_t decided = 0;
  const uint64_t all = s.in.type == Type::kPred    ? 1
                       : type_size(s.in.type) == 8 ? ~0ull
                                                   : (1ull << (8 * type_size(s.in.type))) - 1;
  const uint64_t decisive = s.in.op == Op::kAnd ? 0 : all;
  for_lanes(any, [&](uint32_t i) {
    auto decides = [&](uint32_t slot, uint32_t poisoned) {
      if (poisoned >> i & 1) return false;
      const uint64_t v =
          s.in.type == Type::kPred ? pred(s.w, slot) >> i & 1 : read_lane(s.w, slot, type_size(s.in.type), i);
      return v == decisive;
    };
    if (decides(s.in.a, pa) || decides(s.in.b, pb)) decided |= 1u << i;
  });
  return any & ~decided;
}

// A poisoned predicate that is combined with the comparison matters only where its opposite gives another result.
void compare(Step& s) {
  const uint32_t values = s.lanes(s.in.a) | s.lanes(s.in.b), q = s.lanes(s.in.c);
  uint32_t* slots[2] = {reinterpret_cast<uint32_t*>(s.w.regs + s.in.d),
                        reinterpret_cast<uint32_t*>(s.w.regs + (s.in.d2 ? s.in.d2 : s.in.d))};
  uint32_t matters[2] = {q, q};
  if (q && s.in.op == Op::kSetp) {
    uint32_t& source = *reinterpret_cast<uint32_t*>(s.w.regs + s.in.c);
    const uint32_t saved = source, before[2] = {*slots[0], *slots[1]};
    uint32_t result[2][2];
    for (int flip = 0; flip < 2; ++flip) {
      source = flip ? saved ^ q : saved;
      s.in.fn(s.w, s.in);
      for (int k = 0; k < 2; ++k) result[flip][k] = *slots[k];
      for (int k = 0; k < 2; ++k) *slots[k] = before[k];
      source = saved;
    }
    for (int k = 0; k < 2; ++k) matters[k] = q & (result[0][k] ^ result[1][k]);
  }
  uint32_t decided = 0;  // values are poisoned, but a known predicate decides
  if (values && s.in.c && (s.in.mods.has(Mod::k_and_) || s.in.mods.has(Mod::k_or_))) {
    const uint32_t v = pred_source(s.w, s.in, s.in.c);
    decided = ~q & (s.in.mods.has(Mod::k_and_) ? ~v : v);
  }
  s.write(s.in.d, (values & ~decided) | matters[0]);
  s.write(s.in.d2, (values & ~decided) | matters[1]);
}

void select(Step& s) {
  const uint32_t pa = s.lanes(s.in.a), pb = s.lanes(s.in.b), pq = s.lanes(s.in.c);
  const uint32_t q = pred_source(s.w, s.in, s.in.c);
  s.write(s.in.d, pq | (q & pa) | (~q & pb));
}

uint32_t shuffle(Step& s) {
  const uint32_t pa = s.lanes(s.in.a);
  uint32_t r = s.lanes(s.in.b) | s.lanes(s.in.c);
  for_lanes(s.exec, [&](uint32_t i) {
    const uint32_t b = uint32_t(read_lane(s.w, s.in.b, 4, i)) & 31, c = uint32_t(read_lane(s.w, s.in.c, 4, i));
    const uint32_t clamp = c & 31, seg = c >> 8 & 31;
    const int max = int((i & seg) | (clamp & ~seg));
    int j = s.in.mods.has(Mod::k_up)     ? int(i) - int(b)
            : s.in.mods.has(Mod::k_down) ? int(i + b)
            : s.in.mods.has(Mod::k_bfly) ? int(i ^ b)
                                         : int((i & seg) | (b & ~seg));
    if (s.in.mods.has(Mod::k_up) ? j < max : j > max) j = int(i);
    if (pa >> (j & 31) & 1) r |= 1u << i;
  });
  s.lanes(s.in.a);  // its origin
  return r;
}

uint32_t vote(Step& s) {
  const uint32_t p = s.lanes(s.in.a) & s.exec;
  if (!p) return 0;
  const uint32_t known = pred_source(s.w, s.in, s.in.a) & s.exec & ~p, others = s.exec & ~p & ~known;
  if (s.in.mods.has(Mod::k_any) && known) return 0;
  if (s.in.mods.has(Mod::k_all) && others) return 0;
  return s.exec;
}

// D = A * B + C on 16 x 8 tiles: a poisoned element of A spoils its row, one of B its column.
void matrix(Step& s) {
  const bool tf32 = s.in.type2 == Type::kTF32, half = s.in.type == Type::kF16;
  const unsigned cd = half ? 2 : 4,
                 na = tf32 ? (s.in.mods.has(Mod::k_m16n8k8) ? 4u : 2u) : (s.in.mods.has(Mod::k_m16n8k16) ? 4u : 2u),
                 nb = na / 2;
  const uint32_t* t = s.slots();
  uint32_t rows = 0, columns = 0;
  for (unsigned r = 0; r < na; ++r)
    for_lanes(s.lanes(t[cd + r]), [&](uint32_t i) { rows |= 1u << ((r & 1) * 8 + i / 4); });
  for (unsigned r = 0; r < nb; ++r) for_lanes(s.lanes(t[cd + na + r]), [&](uint32_t i) { columns |= 1u << (i / 4); });
  for (unsigned r = 0; r < cd; ++r) {
    uint32_t m = s.lanes(t[cd + na + nb + r]);
    for (uint32_t i = 0; i < 32; ++i) {
      const uint32_t row = (half ? r : r >> 1) * 8 + i / 4, column = 2 * (i % 4);
      const uint32_t mine = half ? 3u << column : 1u << (column + (r & 1));
      if ((rows >> row & 1) || (columns & mine)) m |= 1u << i;
    }
    s.write(t[r], m);
  }
}

// Everything else: a lane's results are poisoned when one of its sources is.
void ordinary(Step& s) {
  const Instr& in = s.in;
  uint32_t m = 0;
  if (in.op == Op::kMov && in.imm == 2)
    for (unsigned k = 0; k < in.vec; ++k) m |= s.lanes(s.slots()[k]);
  else
    m = s.lanes(in.a) | s.lanes(in.b) | s.lanes(in.c) | s.lanes(in.e);
  if (in.op == Op::kAddC || in.op == Op::kSubC || in.op == Op::kMadC) {
    m |= s.p.carry;
    if (s.p.carry & s.exec) s.origin = s.p.carry_origin;
  }
  if (in.op == Op::kAddCc || in.op == Op::kSubCc || in.op == Op::kMadCc || in.mods.has(Mod::k_cc)) {
    s.p.carry = (s.p.carry & ~s.exec) | (m & s.exec);
    s.p.carry_origin = s.origin;
  }
  if (in.op == Op::kMov && in.imm == 1)
    for (unsigned k = 0; k < in.vec; ++k) s.write(s.slots()[k], m);
  else
    s.write(in.d, m);
  s.write(in.d2, m);
}

void before(Step& s) {
  const Instr& in = s.in;
  switch (in.op) {
    case Op::kLd: load(s); break;
    case Op::kSt: store_before(s); break;
    case Op::kLdmatrix:
      use_source(s, in.a, "is an address");
      for (unsigned k = 0; k < in.vec; ++k) set_lanes(s.p, s.regs, s.slots()[k], 0, 0);
      break;
    case Op::kAtom:
    case Op::kRed:
      use_source(s, in.a, "is an address");
      use_source(s, in.b, "is an operand of an atomic operation");
      use_source(s, in.c, "is an operand of an atomic operation");
      s.write(in.d, 0);
      break;
    case Op::kCpAsync:
      use_source(s, in.a, "is an address");
      use_source(s, in.b, "is an address");
      use_source(s, in.c, "is the size of an asynchronous copy");
      break;
    case Op::kBar:
    case Op::kBarArrive:
    case Op::kBarRed:
      use_source(s, in.a, "is the number of a barrier");
      use_source(s, in.b, "is the thread count of a barrier");
      use_source(s, in.c, "is combined by a barrier");
      s.write(in.d, 0);
      break;
    case Op::kStmatrix: use_source(s, in.a, "is an address"); break;
    case Op::kMbarInit:
    case Op::kMbarInval:
    case Op::kMbarArrive:
    case Op::kMbarWait:
      use_source(s, in.a, "is an address");
      use_source(s, in.b, "is an operand of an mbarrier");
      s.write(in.d, 0);
      break;
    case Op::kTensorLoad:
    case Op::kTensorStore:
      use_source(s, in.a, "is an operand of a tensor copy");
      use_source(s, in.b, "is an operand of a tensor copy");
      use_source(s, in.c, "is an operand of a tensor copy");
      for (unsigned k = 0; k < 2; ++k) use_source(s, s.slots()[k], "is a coordinate of a tensor copy");
      break;
    case Op::kWgmma:
      use_source(s, in.a, "is the descriptor of a matrix");
      use_source(s, in.b, "is the descriptor of a matrix");
      use_source(s, in.c, "decides whether a product is added");
      if (!(pred_source(s.w, in, in.c) & 1))
        for (unsigned k = 0; k < in.vec; ++k) set_lanes(s.p, s.regs, s.slots()[k], 0, 0);
      break;
    case Op::kBrx: use_source(s, in.a, "decides a branch"); break;
    case Op::kCall: use_source(s, s.w.fn->calls[in.aux].pointer_slot, "is the address of a called function"); break;
    case Op::kBra:
    case Op::kRet:
    case Op::kExit:
    case Op::kTrap:
    case Op::kFence:
    case Op::kNop:
    case Op::kPrefetch: break;
    case Op::kAnd:
    case Op::kOr:
    case Op::kXor: s.write(in.d, logic(s)); break;
    case Op::kSetp: compare(s); break;
    case Op::kSelp: select(s); break;
    case Op::kShfl: {
      const uint32_t m = shuffle(s);
      s.write(in.d, m);
      s.write(in.d2, s.lanes(in.b) | s.lanes(in.c));
      break;
    }
    case Op::kVote: s.write(in.d, vote(s)); break;
    case Op::kMatch:
    case Op::kRedux:
    case Op::kMovmatrix: {
      const uint32_t m = s.lanes(in.a) & s.exec ? s.exec : 0;
      s.write(in.d, m);
      s.write(in.d2, m);
      break;
    }
    case Op::kMma: matrix(s); break;
    default: ordinary(s); break;
  }
}

void mark(Warp& w, uint32_t slot, uint32_t lane, uint32_t origin) {
  Poison::Registers& r = registers(w);
  set_lanes(*w.poison, r, slot, r.lanes[slot / 4] | 1u << lane, origin);
}

}  // namespace

bool poison_read(Warp& w, const Instr& in, uint32_t lane, uint32_t offset, uint32_t word, uint32_t missing) {
  if (in.op != Op::kLd && in.op != Op::kLdmatrix) return false;
  if (!w.poison) {
    w.poison = std::make_unique<Poison>();
    stop_warp(w, Wait::kNone);  // leaves the fast loop behind this instruction
  }
  Poison& p = *w.poison;
  uint32_t origin = 0;
  while (origin < p.origins.size() && p.origins[origin].instr != &in) ++origin;
  if (origin == p.origins.size()) p.origins.push_back({&in, w.fn, word * 4});
  for (; missing; missing &= missing - 1) {
    const uint32_t at = word * 4 + uint32_t(__builtin_ctz(missing)) - offset;  // byte of the access
    if (in.op == Op::kLd) {
      const uint32_t k = at / type_size(in.type);
      mark(w, in.vec > 1 ? w.fn->slots[in.aux + k] : in.d, lane, origin);
    } else {  // the row of 16 bytes that this lane addresses is spread over the warp
      const uint32_t slot = w.fn->slots[in.aux + lane / 8], row = lane % 8;
      mark(w, slot, in.mods.has(Mod::k_trans) ? at / 2 * 4 + row / 2 : row * 4 + at / 4, origin);
    }
  }
  return true;
}

void forget_frame(Warp& w, const Frame* frame) {
  if (!w.poison) return;
  auto it = w.poison->frames.find(frame);
  if (it == w.poison->frames.end()) return;
  for (uint32_t m : it->second.lanes) w.poison->poisoned -= m != 0;
  w.poison->frames.erase(it);
}

void copy_poison(Warp& w, uint32_t lanes, uint32_t to, uint32_t from, uint32_t bytes) {
  if (!w.poison || w.poison->local.empty()) return;
  auto& local = w.poison->local;
  for_lanes(lanes, [&](uint32_t i) {
    for (uint32_t k = 0; k < bytes; k += 4) {
      auto it = local.find(uint64_t(i) << 32 | (from + k) / 4);
      if (it != local.end()) {
        const uint32_t origin = it->second;
        local[uint64_t(i) << 32 | (to + k) / 4] = origin;
      } else
        local.erase(uint64_t(i) << 32 | (to + k) / 4);
    }
  });
}

void run_poisoned(Warp& w, uint64_t budget) {
  uint64_t left = budget;
  while (w.pc < w.limit) {
    Poison& p = *w.poison;
    if (p.poisoned == 0 && p.local.empty() && p.carry == 0) {
      w.poison.reset();
      return;
    }
    const Instr& in = w.code[w.pc++];
    Step s{w, in, p, registers(w), w.active, 0, 0, {}};
    if (in.guard) {
      s.guard = s.lanes(in.guard);
      if (s.guard && acts(in.op)) {
        used(s, in.guard, s.guard,
             in.op == Op::kBra ? "decides a branch" : "decides whether an instruction is executed");
        s.guard = 0;
      }
      const uint32_t q = pred(w, in.guard);
      s.exec &= in.guard_neg ? ~q : q;
      if (!s.exec && !s.guard) continue;
    }
    w.exec = s.exec;
    if (w.watching) check_accumulators(w, in);
    const uint32_t guard_origin = s.origin;
    before(s);
    if (s.exec) {
      ++w.counters->by_class[unsigned(in.cls)];
      in.fn(w, in);
      if (w.stop == Wait::kWarpSync) continue;  // not executed: it waits for other lanes
      if (in.op == Op::kSt) store_after(s);
      if (in.op == Op::kStmatrix) stmatrix_after(s);
    }
    for (const Step::Dest& d : s.dests) {
      const uint32_t now = s.regs.lanes[d.slot / 4];
      set_lanes(p, s.regs, d.slot, (now & ~s.exec) | (d.lanes & s.exec) | s.guard, s.origin ? s.origin : guard_origin);
    }
    if (--left == 0) return;
  }
}

}  // namespace cudasim
