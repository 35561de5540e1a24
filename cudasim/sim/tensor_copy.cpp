// The bulk copy engine for tensors: cp.async.bulk.tensor.2d both ways, and its reduction.
//
// A copy to shared memory ends with the phase of its mbarrier; late copies write their bytes when a thread waits for
// that phase and nothing else is missing. A copy to global memory has read shared memory at its thread's
// wait_group.read and has written at wait_group or the end of the block; late copies do both only then.
#include "sim/tensor_copy.h"

#include <algorithm>
#include <string>

#include "sim/lanes.h"

namespace cudasim {

namespace {

constexpr uint32_t kUnit = 16;  // bytes; what the swizzle moves

void tick(Cta& c) {
  if (++c.now > kTagMaxTime) renormalise_shadow(c);
}

// A report about a copy that its thread issued earlier.
void report_copy(Cta& c, const TensorCopy& t, Check check, const std::string& text, int error = 0) {
  Warp& w = *c.warps[t.warp];
  Function* fn = w.fn;
  w.fn = t.fn;
  report_at(w, *t.instr, check, 1u << t.lane, t.shared, text, error);
  w.fn = fn;
}

uint8_t* host_bytes(const Cta& c, uint64_t a) {
  return reinterpret_cast<uint8_t*>(a - c.mem_base < (kSlotCount << kSlotShift) ? a + uint64_t(c.mem_shift) : a);
}

// The rows and bytes of a row of a box that lie inside the matrix.
struct Inside {
  int64_t first_row, rows, first_byte, bytes;
  explicit Inside(const TensorCopy& t) {
    const auto clip = [](int64_t start, int64_t size, uint64_t extent, int64_t* first) {
      *first = std::clamp<int64_t>(-start, 0, size);
      return std::max<int64_t>(0, std::min<int64_t>(size, int64_t(extent) - start) - *first);
    };
    rows = clip(t.y, t.map.box[1], t.map.extent[1], &first_row);
    bytes = clip(t.x, t.map.box[0], t.map.extent[0], &first_byte) * t.map.element;
    first_byte *= t.map.element;
    if (bytes == 0) rows = 0;
  }
};

uint64_t global_address(const TensorCopy& t, int64_t row, int64_t byte) {
  return t.map.address + uint64_t((t.y + row) * int64_t(t.map.stride[0]) + t.x * int64_t(t.map.element) + byte);
}

// Calls visit(offset in shared memory, row, byte of the row) for each unit of the box.
template <class F>
void for_units(const TensorCopy& t, F visit) {
  const uint32_t inner = t.map.inner_bytes();
  for (uint32_t row = 0; row < t.map.box[1]; ++row)
    for (uint32_t byte = 0; byte < inner; byte += kUnit) {
      const uint32_t at = t.shared + row * inner + byte;
      visit(t.map.swizzle == Swizzle::k128 ? swizzle_128(at) : at, row, byte);
    }
}
// The same for units of which some bytes lie inside the matrix.
template <class F>
void for_units_inside(const TensorCopy& t, F visit) {
  const Inside in(t);
  for_units(t, [&](uint32_t at, uint32_t row, uint32_t byte) {
    if (row < in.first_row || row >= in.first_row + in.rows) return;
    const int64_t from = std::max<int64_t>(byte, in.first_byte),
                  to = std::min<int64_t>(byte + kUnit, in.first_byte + in.bytes);
    if (from < to) visit(at + uint32_t(from - byte), row, from, uint32_t(to - from));
  });
}

bool read_map(Warp& w, const Instr& in, uint32_t lane, uint64_t address, TensorMap* map) {
  const Launch& l = *w.cta->launch;
  const uint8_t* bytes = nullptr;
  const uint64_t window = address & kWindowMask, offset = address & ~kWindowMask;
  if (window == kParamWindow) {
    if (offset + sizeof(TensorMap) <= l.params.size()) bytes = l.params.data() + offset;
  } else if (window == 0 && DeviceMemory::get().find(address, 128)) {
    bytes = host_bytes(*w.cta, address);
  }
  if (offset % 64 != 0) {
    report_at(w, in, Check::kMisaligned, 1u << lane, address, "a tensor map must be aligned to 64 bytes.", 716);
    return false;
  }
  if (bytes) std::memcpy(map, bytes, sizeof *map);
  if (!bytes || map->magic != TensorMap::kMagic || map->checksum != map->sum()) {
    report_at(w, in, Check::kTensorMap, 1u << lane, address,
              "there is no tensor map at this address; make one with cuTensorMapEncodeTiled and pass it as a const "
              "__grid_constant__ parameter.",
              719);
    return false;
  }
  return true;
}

// Looks at everything that a copy touches; false after a report.
bool check_copy(Warp& w, const TensorCopy& t, const char* verb) {
  const Instr& in = *t.instr;
  const Launch& l = *w.cta->launch;
  const uint32_t lane = 1u << t.lane;
  if (t.map.rank != 2) {
    report_at(w, in, Check::kTensorMap, lane, t.shared,
              "the tensor map has " + std::to_string(t.map.rank) + " dimensions and the instruction two.", 719);
    return false;
  }
  if (t.map.swizzle == Swizzle::k128 && t.map.inner_bytes() != 128) {
    report_at(
        w, in, Check::kUnsupported, lane, t.shared,
        "cudasim swizzles rows of 128 bytes only; those of the box have " + std::to_string(t.map.inner_bytes()) + ".",
        719);
    return false;
  }
  if (t.shared % 128 != 0) {
    report_at(w, in, Check::kMisaligned, lane, t.shared,
              "the box in shared memory begins at offset " + std::to_string(t.shared) +
                  ", which is no multiple of 128 bytes.",
              716);
    return false;
  }
  if (t.shared + uint64_t(t.map.box_bytes()) > l.shared_bytes) {
    report_at(w, in, Check::kOutOfBounds, lane, t.shared,
              "the box of " + std::to_string(t.map.box_bytes()) + " bytes at shared offset " +
                  std::to_string(t.shared) + " is outside of the " + std::to_string(l.shared_bytes) +
                  " bytes of the block's shared memory.",
              700);
    return false;
  }
  const Inside inside(t);
  if (!w.cta->check_memory || inside.rows == 0) return true;
  const uint64_t first = global_address(t, inside.first_row, inside.first_byte),
                 last = global_address(t, inside.first_row + inside.rows - 1, inside.first_byte + inside.bytes - 1);
  for (const uint64_t byte : {first, last}) {
    uint64_t a[32] = {};
    a[t.lane] = byte;
    if (!global_access_slow(w, in, a, lane, 1, verb)) return false;
  }
  if (!DeviceMemory::get().find(first, last - first + 1) &&
      !DeviceMemory::get().host_registered(first, last - first + 1)) {
    report_at(w, in, Check::kOutOfBounds, lane, first, "the rows of the box lie in more than one allocation.", 700);
    return false;
  }
  return true;
}

void count_sectors(Warp& w, const TensorCopy& t, uint64_t* requests, uint64_t* sectors) {
  const Inside in(t);
  ++*requests;
  for (int64_t row = in.first_row; row < in.first_row + in.rows; ++row) {
    const uint64_t from = global_address(t, row, in.first_byte) >> 5,
                   to = global_address(t, row, in.first_byte + in.bytes - 1) >> 5;
    for (uint64_t s = from; s <= to; ++s) touch_sectors(*w.cta, &s, 1);
    *sectors += to - from + 1;
  }
}

void write_shared(Cta& c, const TensorCopy& t) {
  for_units(t, [&](uint32_t at, uint32_t, uint32_t) { std::memset(c.shared + at, 0, kUnit); });
  for_units_inside(t, [&](uint32_t at, uint32_t row, int64_t byte, uint32_t bytes) {
    std::memcpy(c.shared + at, host_bytes(c, global_address(t, row, byte)), bytes);
  });
}

void land(Cta& c, TensorCopy& t) {
  t.landed = true;
  write_shared(c, t);
  const auto it = c.mbarriers.find(t.barrier);
  if (it == c.mbarriers.end()) return;
  it->second.bytes -= t.map.box_bytes();
  try_complete(c, t.barrier, it->second);
}

TensorCopy begin(Warp& w, const Instr& in, uint32_t lane, uint32_t map_slot, bool* good) {
  const uint32_t* slots = w.fn->slots.data() + in.aux;
  TensorCopy t;
  t.instr = &in;
  t.fn = w.fn;
  t.warp = w.index;
  t.lane = lane;
  t.x = reg<int32_t>(w, slots[0])[lane];
  t.y = reg<int32_t>(w, slots[1])[lane];
  *good = read_map(w, in, lane, read_lane(w, map_slot, 8, lane), &t.map);
  return t;
}

void exec_load(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  for_lanes(w.exec, [&](uint32_t i) {
    bool good;
    TensorCopy t = begin(w, in, i, in.b, &good);
    t.shared = uint32_t(read_lane(w, in.a, in.a_size, i) + uint64_t(in.imm));
    t.barrier = uint32_t(read_lane(w, in.c, in.c_size, i) + uint64_t(in.imm2));
    if (!good || !check_copy(w, t, "read by a tensor copy")) return;
    const auto b = c.mbarriers.find(t.barrier);
    if (b == c.mbarriers.end()) {
      report_at(w, in, Check::kUninitialisedShared, 1u << i, t.barrier,
                "shared offset " + std::to_string(t.barrier) +
                    " holds no mbarrier object at which the copy could count; mbarrier.init must come first.",
                719);
      return;
    }
    if (c.check_shared && !b->second.visible) {
      report_at(w, in, Check::kMissingFence, 1u << i, t.barrier,
                "the mbarrier at shared offset " + std::to_string(t.barrier) +
                    " was made with no fence behind it, and the copy engine need not see it: mbarrier.init must be "
                    "followed by fence.mbarrier_init or fence.proxy.async.");
      b->second.visible = true;  // once
    }
    if (c.check_shared) {
      shared_read_checked(w, in, i, t.barrier, 8, true);
      for_units(t, [&](uint32_t at, uint32_t, uint32_t) {
        shared_write_checked(w, in, i, at, kUnit, false, nullptr);
        for (uint32_t k = at / 4; k < (at + kUnit) / 4; ++k) c.shadow.state[k] |= kPending | kByCopyEngine;
      });
    }
    if (c.stats) count_sectors(w, t, &w.counters->read_requests, &w.counters->read_sectors);
    t.phase = b->second.phase;
    t.issued = c.now;
    c.loads.push_back(t);
    if (!c.late_copies) land(c, c.loads.back());
  });
  c.polls = 0;
  tick(c);
}

void read_shared(Cta& c, TensorCopy& t) {
  t.bytes.assign(t.map.box_bytes(), 0);
  const uint32_t inner = t.map.inner_bytes();
  for_units(t, [&](uint32_t at, uint32_t row, uint32_t byte) {
    std::memcpy(t.bytes.data() + row * inner + byte, c.shared + at, kUnit);
  });
}

void add_f32(uint8_t* to, const uint8_t* value) {
  auto* p = reinterpret_cast<uint32_t*>(to);
  float v;
  std::memcpy(&v, value, 4);
  uint32_t old = __atomic_load_n(p, __ATOMIC_RELAXED), next;
  do {
    next = uint32_t(to_bits(from_bits<float>(old) + v));
  } while (!__atomic_compare_exchange_n(p, &old, next, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

void write_global(Cta& c, const TensorCopy& t) {
  const Inside in(t);
  for (int64_t row = in.first_row; row < in.first_row + in.rows; ++row) {
    uint8_t* to = host_bytes(c, global_address(t, row, in.first_byte));
    const uint8_t* from = t.bytes.data() + row * t.map.inner_bytes() + in.first_byte;
    if (t.add)
      for (int64_t k = 0; k < in.bytes; k += 4) add_f32(to + k, from + k);
    else
      std::memcpy(to, from, size_t(in.bytes));
  }
}

void exec_store(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  for_lanes(w.exec, [&](uint32_t i) {
    bool good;
    TensorCopy t = begin(w, in, i, in.a, &good);
    t.shared = uint32_t(read_lane(w, in.b, in.b_size, i) + uint64_t(in.imm2));
    t.add = in.mods.has(Mod::k_reduce);
    if (!good || !check_copy(w, t, t.add ? "addition by a tensor copy" : "write by a tensor copy")) return;
    if (t.add && !t.map.is_f32) {
      report_at(w, in, Check::kUnsupported, 1u << i, t.shared, "cudasim adds tensors of f32 only.", 719);
      return;
    }
    for_units_inside(
        t, [&](uint32_t at, uint32_t, int64_t, uint32_t) { proxy_read_begins(w, in, i, at / kUnit * kUnit); });
    if (c.stats)
      t.add ? count_sectors(w, t, &w.counters->atomic_requests, &w.counters->atomic_sectors)
            : count_sectors(w, t, &w.counters->write_requests, &w.counters->write_sectors);
    t.group = w.bulk_group[i];
    t.issued = c.now;
    if (!c.late_copies) {
      read_shared(c, t);
      write_global(c, t);
    }
    c.stores.push_back(std::move(t));
  });
  tick(c);
}

// The copy engine has read the box.
void end_read(Cta& c, TensorCopy& t) {
  if (t.landed) return;
  t.landed = true;
  Warp& w = *c.warps[t.warp];
  Function* fn = w.fn;
  w.fn = t.fn;
  for_units_inside(t, [&](uint32_t at, uint32_t, int64_t, uint32_t) {
    proxy_read_ends(w, *t.instr, t.lane, at / kUnit * kUnit, t.issued);
  });
  w.fn = fn;
  if (c.late_copies) read_shared(c, t);
}

void exec_commit(Warp& w, const Instr&) {
  for_lanes(w.exec, [&](uint32_t i) { ++w.bulk_group[i]; });
}

void exec_wait(Warp& w, const Instr& in) {
  Cta& c = *w.cta;
  const bool written = !in.mods.has(Mod::k_read);
  std::erase_if(c.stores, [&](TensorCopy& t) {
    if (t.warp != w.index || !(w.exec >> t.lane & 1)) return false;
    if (uint64_t(t.group) + uint64_t(in.imm) >= w.bulk_group[t.lane]) return false;
    end_read(c, t);
    if (written && c.late_copies) write_global(c, t);
    return written || !c.late_copies;  // what is read early is written early
  });
}

void make_visible(Warp& w) {
  for (auto& [at, b] : w.cta->mbarriers)
    if (b.init_warp == w.index && (w.exec >> b.init_lane & 1)) b.visible = true;
}

void exec_init_fence(Warp& w, const Instr&) {
  make_visible(w);
}

void exec_proxy_fence(Warp& w, const Instr& in) {
  if (in.space == Space::kGlobal) return;
  for_lanes(w.exec, [&](uint32_t i) { w.proxy_fence[i] = w.cta->now; });
  tick(*w.cta);
  make_visible(w);
}

void exec_prefetch(Warp& w, const Instr& in) {
  for_lanes(w.exec, [&](uint32_t i) {
    TensorMap map;
    read_map(w, in, i, read_lane(w, in.a, in.a_size, i) + uint64_t(in.imm), &map);
  });
}

}  // namespace

void try_complete(Cta& c, uint32_t barrier, MBarrier& b) {
  if (b.pending != 0 || b.bytes != 0) return;
  for (const TensorCopy& t : c.loads)
    if (t.barrier == barrier && !t.landed && t.phase == b.phase)
      report_copy(c, t, Check::kAsyncNotWaited,
                  "the mbarrier at shared offset " + std::to_string(barrier) +
                      " opens without this copy, because fewer bytes were announced with expect_tx than are copied.");
  ++b.phase;
  b.pending = b.expected;
  for (int i = 0; i < 32; ++i) b.done[i] = std::max(b.done[i], b.arrived[i]);
}

void land_loads(Cta& c, uint32_t barrier) {
  for (TensorCopy& t : c.loads)
    if (t.barrier == barrier && !t.landed) land(c, t);
}

void observe_loads(Warp& w, uint32_t barrier, MBarrier& b) {
  Cta& c = *w.cta;
  const uint32_t me = c.now << kTagTimeShift | w.index << 5;
  const size_t count = std::erase_if(c.loads, [&](const TensorCopy& t) {
    if (t.barrier != barrier || !t.landed || t.phase >= b.phase) return false;
    if (c.check_shared)
      for_units(t, [&](uint32_t at, uint32_t, uint32_t) {
        for (uint32_t k = at / 4; k < (at + kUnit) / 4; ++k) {
          c.shadow.state[k] = kInitAll | kByCopyEngine;
          c.shadow.write[k] = me | t.lane;
          c.shadow.write_mask[k] = 0x0F;
        }
      });
    return true;
  });
  if (count == 0) return;
  b.done[w.index] = std::max(b.done[w.index], c.now);
  tick(c);
}

void leave_stores(Warp& w, uint32_t lanes) {
  Cta& c = *w.cta;
  for (TensorCopy& t : c.stores) {
    if (t.warp != w.index || !(lanes >> t.lane & 1) || t.landed) continue;
    if (c.check_shared)
      report_copy(c, t, Check::kAsyncNotWaited,
                  "the thread exits while this copy may still read shared memory; cp.async.bulk.wait_group.read must "
                  "come first.");
    end_read(c, t);
  }
}

void finish_copies(Cta& c) {
  if (c.check_shared && !c.abort)
    for (const TensorCopy& t : c.loads)
      report_copy(
          c, t, Check::kAsyncNotWaited,
          "the block ends while this copy into its shared memory is under way; nobody waited for its mbarrier.");
  c.loads.clear();
  for (TensorCopy& t : c.stores)
    if (c.late_copies && t.landed) write_global(c, t);
  c.stores.clear();
}

ExecFn select_tensor_copy(const Instr& in) {
  switch (in.op) {
    case Op::kMapPrefetch: return &exec_prefetch;
    case Op::kTensorLoad: return &exec_load;
    case Op::kTensorStore: return &exec_store;
    case Op::kBulkCommit: return &exec_commit;
    case Op::kBulkWait: return &exec_wait;
    case Op::kProxyFence: return &exec_proxy_fence;
    case Op::kMbarInitFence: return &exec_init_fence;
    default: return nullptr;
  }
}

}  // namespace cudasim
