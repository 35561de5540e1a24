// The slow sides of the checks: they find out which lane did what wrong, and say so.
#include <cstdio>
#include <cstring>

#include "sim/poison.h"

namespace cudasim {

void report_at(Warp& w, const Instr& in, Check check, uint32_t lanes, uint64_t address, const std::string& text,
               int error) {
  Cta& c = *w.cta;
  Finding f;
  f.check = check;
  f.kernel = c.launch->kernel->name;
  f.ptx_line = in.line;
  if (in.loc) f.source = c.launch->module->source_of(w.fn->locs[in.loc - 1]);
  for (int i = 0; i < 3; ++i) f.block[i] = c.id[i];
  f.warp = w.index;
  f.lanes = lanes;
  f.address = address;
  f.text = text;
  report(std::move(f));
  if (int none = 0; error) c.launch->error.compare_exchange_strong(none, error);
}

static std::string hex(uint64_t v) {
  char b[32];
  std::snprintf(b, sizeof b, "0x%llx", static_cast<unsigned long long>(v));
  return b;
}

static bool reaches(const Launch& l, const Allocation* a) {
  return a && (a->device == kEveryDevice || a->device == l.device);
}

uint32_t global_access_slow(Warp& w, const Instr& in, const uint64_t* address, uint32_t m, uint32_t bytes,
                            const char* verb) {
  DeviceMemory& mem = DeviceMemory::get();
  uint32_t good = 0, misaligned = 0, outside = 0;
  for (uint32_t k = m; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    const bool power = (bytes & (bytes - 1)) == 0;
    if (power && address[i] % bytes)
      misaligned |= 1u << i;
    else if (reaches(*w.cta->launch, mem.find(address[i], bytes)) || mem.host_registered(address[i], bytes))
      good |= 1u << i;
    else
      outside |= 1u << i;
  }
  if (misaligned) {
    const uint64_t a = address[__builtin_ctz(misaligned)];
    report_at(w, in, Check::kMisaligned, misaligned, a,
              std::string("a ") + verb + " of " + std::to_string(bytes) + " bytes at " + hex(a) +
                  " is not aligned to its size; " + mem.describe(a) + ".",
              716);
  }
  if (outside) {
    const uint64_t a = address[__builtin_ctz(outside)];
    const Allocation* near = mem.nearest(a);
    const bool freed = near && near->freed && a >= near->address && a < near->address + near->size;
    const bool other_device =
        !freed && near && a >= near->address && a < near->address + near->size && !reaches(*w.cta->launch, near);
    const std::string elsewhere =
        other_device ? ", which a kernel on device " + std::to_string(w.cta->launch->device) + " does not reach" : "";
    const bool foreign = a >= 4096 && a - mem.base() >= (kSlotCount << kSlotShift);
    const std::string where = a < 4096  ? "a null pointer"
                              : foreign ? "no device memory; pinned or registered host memory and managed memory can "
                                          "be used by kernels, other host memory cannot"
                                        : mem.describe(a) + elsewhere;
    report_at(
        w, in,
        freed     ? Check::kUseAfterFree
        : foreign ? Check::kHostAccess
                  : Check::kOutOfBounds,
        outside, a,
        std::string("a ") + verb + " of " + std::to_string(bytes) + " bytes at " + hex(a) + " hits " + where + ".",
        700);
  }
  return good;
}

uint32_t shared_access_slow(Warp& w, const Instr& in, const uint64_t* offset, uint32_t m, uint32_t bytes,
                            const char* verb) {
  const Launch& l = *w.cta->launch;
  uint32_t good = 0, misaligned = 0, outside = 0;
  for (uint32_t k = m; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    if (offset[i] % bytes)
      misaligned |= 1u << i;
    else if (offset[i] + bytes <= l.shared_bytes && offset[i] < l.shared_bytes)
      good |= 1u << i;
    else
      outside |= 1u << i;
  }
  if (misaligned) {
    const uint64_t a = offset[__builtin_ctz(misaligned)];
    report_at(w, in, Check::kMisaligned, misaligned, a,
              std::string("a ") + verb + " of " + std::to_string(bytes) + " bytes at shared offset " +
                  std::to_string(a) + " is not aligned to its size.",
              716);
  }
  if (outside) {
    const uint64_t a = offset[__builtin_ctz(outside)];
    report_at(w, in, Check::kOutOfBounds, outside, a,
              std::string("a ") + verb + " of " + std::to_string(bytes) + " bytes at shared offset " +
                  std::to_string(a) + " is outside of the " + std::to_string(l.shared_bytes) +
                  " bytes of the block's shared memory (" + std::to_string(l.dynamic_shared) + " of them dynamic).",
              700);
  }
  return good;
}

uint32_t local_access_slow(Warp& w, const Instr& in, const uint64_t* offset, uint32_t m, uint32_t bytes,
                           const char* verb) {
  uint32_t good = 0, bad = 0;
  for (uint32_t k = m; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    (offset[i] < w.local_stride && offset[i] + bytes <= w.local_stride && offset[i] % bytes == 0 ? good : bad) |= 1u
                                                                                                                  << i;
  }
  if (bad) {
    const uint64_t a = offset[__builtin_ctz(bad)];
    report_at(w, in, a % bytes ? Check::kMisaligned : Check::kOutOfBounds, bad, a,
              std::string("a ") + verb + " of " + std::to_string(bytes) + " bytes at local offset " +
                  std::to_string(a) + " does not fit the " + std::to_string(w.local_stride) +
                  " bytes of local memory of a thread.",
              700);
  }
  return good;
}

// True when the access with this tag is ordered before what `lane` of `w` does now.
static bool ordered(const Warp& w, uint32_t lane, uint32_t tag, bool strong) {
  if (tag < w.cta->fresh) return true;
  const uint32_t time = tag >> kTagTimeShift, warp = tag >> 5 & 31;
  if (strong && (tag & kTagStrong)) return true;
  if (warp == w.index) return (tag & 31) == lane || time <= w.last_sync;
  return time <= w.vc[warp];
}

static std::string who(uint32_t tag) {
  return "warp " + std::to_string(tag >> 5 & 31) + " lane " + std::to_string(tag & 31);
}

static void race(Warp& w, const Instr& in, uint32_t lane, uint32_t offset, uint32_t tag, const char* mine,
                 const char* theirs) {
  report_at(w, in, Check::kSharedRace, 1u << lane, offset,
            std::string("this ") + mine + " of shared offset " + std::to_string(offset) + " races with a " + theirs +
                " by " + who(tag) + "; no barrier or warp synchronisation lies between them.");
}

static std::string pending_copy(const SharedShadow& s, uint32_t word) {
  const bool bulk = s.state[word] & kByCopyEngine;
  return std::string(bulk ? "a bulk copy" : "a cp.async") + " into it, issued by " + who(s.write[word]) +
         (bulk ? ", has not been waited for at its mbarrier." : ", has not been waited for.");
}

static uint32_t byte_mask(uint32_t offset, uint32_t bytes, uint32_t word) {
  const uint32_t lo = std::max(offset, word * 4) - word * 4, hi = std::min(offset + bytes, word * 4 + 4) - word * 4;
  return ((1u << hi) - 1) & ~((1u << lo) - 1);
}

void shared_read_checked(Warp& w, const Instr& in, uint32_t lane, uint32_t offset, uint32_t bytes, bool strong) {
  Cta& c = *w.cta;
  SharedShadow& s = c.shadow;
  const uint32_t me = c.now << kTagTimeShift | (strong ? kTagStrong : 0) | w.index << 5 | lane;
  for (uint32_t k = offset / 4; k * 4 < offset + bytes; ++k) {
    const uint32_t bm = byte_mask(offset, bytes, k);
    if (s.state[k] & kPending) {
      report_at(w, in, Check::kAsyncNotWaited, 1u << lane, k * 4,
                "shared offset " + std::to_string(k * 4) + " is read while " + pending_copy(s, k));
    } else if ((s.state[k] & bm) != bm) {
      if (!poison_read(w, in, lane, offset, k, bm & ~s.state[k])) {
        report_at(w, in, Check::kUninitialisedShared, 1u << lane, k * 4,
                  "shared offset " + std::to_string(k * 4) + " is read before anything was written to it.");
        s.state[k] |= uint8_t(bm);
      }
    } else if ((s.write_mask[k] & bm) && !ordered(w, lane, s.write[k], strong)) {
      race(w, in, lane, k * 4, s.write[k], "read", "write");
    }
    const uint32_t old = s.read1[k];
    if (old >= c.fresh && ((old ^ me) & kTagWho) && !ordered(w, lane, old, false)) {
      if (!(s.read2[k] >= c.fresh && ((s.read2[k] ^ me) & 0x3E0))) s.read2[k] = old;
      s.read_mask[k] |= uint8_t(bm);
      if (bytes < 4 && !(s.read_mask[k] & bm)) continue;
    } else {
      s.read_mask[k] = uint8_t((old >= c.fresh && !((old ^ me) & kTagWho)) ? s.read_mask[k] | bm : bm);
    }
    s.read1[k] = me;
  }
}

void shared_write_checked(Warp& w, const Instr& in, uint32_t lane, uint32_t offset, uint32_t bytes, bool strong,
                          const void* value) {
  Cta& c = *w.cta;
  SharedShadow& s = c.shadow;
  const uint32_t me = c.now << kTagTimeShift | (strong ? kTagStrong : 0) | w.index << 5 | lane;
  const bool same = value && std::memcmp(c.shared + offset, value, bytes) == 0;
  for (uint32_t k = offset / 4; k * 4 < offset + bytes; ++k) {
    const uint32_t bm = byte_mask(offset, bytes, k);
    if (s.state[k] & kPending) {
      report_at(w, in, Check::kAsyncNotWaited, 1u << lane, k * 4,
                "shared offset " + std::to_string(k * 4) + " is written while " + pending_copy(s, k));
    } else if ((s.write_mask[k] & bm) && (s.state[k] & bm) && !same && !ordered(w, lane, s.write[k], strong)) {
      race(w, in, lane, k * 4, s.write[k], "write", "write");
    } else if (bytes < 4 && (s.read_mask[k] & bm) == 0) {
      // another part of the word was read
    } else if (s.read1[k] && !ordered(w, lane, s.read1[k], strong)) {
      race(w, in, lane, k * 4, s.read1[k], "write", "read");
    } else if (s.read2[k] && !ordered(w, lane, s.read2[k], strong)) {
      race(w, in, lane, k * 4, s.read2[k], "write", "read");
    }
    const bool mine_before = !((s.write[k] ^ me) & kTagWho) && s.write[k] >= c.fresh;
    s.write_mask[k] = uint8_t(mine_before ? s.write_mask[k] | bm : bm);
    s.write[k] = me;
    s.state[k] = uint8_t((s.state[k] & ~kByCopyEngine) | bm);
  }
}

// Reads of the async proxy: by the copy engine that stores, and by wgmma. They see an ordinary store only behind its
// thread's fence.proxy.async. They go on until they are waited for; what is written in between is found then.
void proxy_read_begins(Warp& w, const Instr& in, uint32_t lane, uint32_t offset) {
  Cta& c = *w.cta;
  if (!c.check_shared) return;
  SharedShadow& s = c.shadow;
  for (uint32_t k = offset / 4; k < offset / 4 + 4; ++k) {
    const uint8_t state = s.state[k];
    const uint32_t tag = s.write[k];
    if ((state & (kPending | kInitAll)) != kInitAll || !ordered(w, lane, tag, false)) {
      shared_read_checked(w, in, lane, k * 4, 4, false);
    } else if (!(state & kByCopyEngine) && c.warps[tag >> 5 & 31]->proxy_fence[tag & 31] < tag >> kTagTimeShift) {
      report_at(w, in, Check::kMissingFence, 1u << lane, k * 4,
                "shared offset " + std::to_string(k * 4) + " was written by " + who(tag) +
                    " with an ordinary store, which this read of the async proxy need not see: that thread must "
                    "execute fence.proxy.async between its store and the barrier.");
      s.state[k] |= kByCopyEngine;  // once
    }
  }
}

void proxy_read_ends(Warp& w, const Instr& in, uint32_t lane, uint32_t offset, uint32_t issued) {
  Cta& c = *w.cta;
  if (!c.check_shared) return;
  SharedShadow& s = c.shadow;
  const uint32_t me = c.now << kTagTimeShift | w.index << 5 | lane;
  for (uint32_t k = offset / 4; k < offset / 4 + 4; ++k) {
    if (s.write[k] >> kTagTimeShift > issued)
      report_at(w, in, Check::kAsyncNotWaited, 1u << lane, k * 4,
                "shared offset " + std::to_string(k * 4) + " is written by " + who(s.write[k]) +
                    " while this instruction may still read it; the write must come after a wait for it.");
    const uint32_t a = s.read1[k], b = s.read2[k];
    if (a >= c.fresh && ((a ^ me) & kTagWho) && !(b >= c.fresh && ((b ^ me) & 0x3E0))) s.read2[k] = a;
    s.read1[k] = me;
    s.read_mask[k] = 0x0F;
  }
}

void renormalise_shadow(Cta& c) {
  // The clock is used up: everything so far counts as ordered. At two million synchronisations per block this is rare.
  auto reset = [](std::vector<uint32_t>& v) {
    for (uint32_t& t : v)
      if (t) t = (t & ((1u << kTagTimeShift) - 1)) | 1u << kTagTimeShift;
  };
  reset(c.shadow.write);
  reset(c.shadow.read1);
  reset(c.shadow.read2);
  for (auto& w : c.warps) {
    w->last_sync = 1;
    for (uint32_t& v : w->vc) v = 1;
    for (uint32_t& v : w->proxy_fence) v = 1;
    for (Product& p : w->products) p.issued = 1;
  }
  for (auto& [offset, b] : c.mbarriers)
    for (int i = 0; i < 32; ++i) b.arrived[i] = b.done[i] = 1;
  for (TensorCopy& t : c.stores) t.issued = 1;
  c.now = 2;
  set_base(c, 1);
}

void land_copy(Warp& w, AsyncCopy& copy, uint32_t lanes) {
  Cta& c = *w.cta;
  lanes &= copy.mask;
  copy.mask &= ~lanes;
  const uint32_t me = c.now << kTagTimeShift | w.index << 5;
  for (uint32_t k = lanes; k; k &= k - 1) {
    const uint32_t i = uint32_t(__builtin_ctz(k));
    uint8_t* to = c.shared + copy.dst[i];
    if (c.late_copies) {
      if (copy.bytes[i]) {
        const uint64_t a = copy.src[i];
        const uint8_t* from = reinterpret_cast<const uint8_t*>(
            a - c.mem_base < (kSlotCount << kSlotShift) ? a + uint64_t(c.mem_shift) : a);
        std::memcpy(to, from, copy.bytes[i]);
      }
      std::memset(to + copy.bytes[i], 0, copy.size - copy.bytes[i]);
    }
    if (c.check_shared)
      for (uint32_t j = copy.dst[i] / 4; j < (copy.dst[i] + copy.size) / 4; ++j) {
        c.shadow.state[j] = kInitAll;
        c.shadow.write[j] = me | i;
        c.shadow.write_mask[j] = 0x0F;
      }
  }
}

// The distinct 32-byte sectors of one request; they count as touched.
static unsigned distinct_sectors(Warp& w, const uint64_t* address, uint32_t m, uint32_t bytes) {
  uint64_t seen[128];
  unsigned n = 0;
  for (uint32_t k = m; k; k &= k - 1) {
    const int i = __builtin_ctz(k);
    for (uint64_t s = address[i] >> 5; s <= (address[i] + bytes - 1) >> 5; ++s) {
      bool known = false;
      for (unsigned j = n; j-- > 0 && !known;) known = seen[j] == s;
      if (!known && n < 128) seen[n++] = s;
    }
  }
  touch_sectors(*w.cta, seen, n);
  return n;
}

void count_global(Warp& w, const uint64_t* address, uint32_t m, uint32_t bytes, bool write) {
  Counters& c = *w.counters;
  ++(write ? c.write_requests : c.read_requests);
  (write ? c.write_sectors : c.read_sectors) += distinct_sectors(w, address, m, bytes);
}

void count_global_atomic(Warp& w, const uint64_t* address, uint32_t m, uint32_t bytes) {
  Counters& c = *w.counters;
  ++c.atomic_requests;
  c.atomic_sectors += distinct_sectors(w, address, m, bytes);
}

// Wide accesses are served in phases of 128 bytes: all lanes, half or quarter warps. Within a phase each bank delivers
// one word per cycle; the same word for several lanes is one delivery.
void count_shared(Warp& w, const uint64_t* offset, uint32_t m, uint32_t bytes) {
  Counters& c = *w.counters;
  ++c.shared_requests;
  const unsigned lanes = bytes == 16 ? 8 : bytes == 8 ? 16 : 32;
  for (unsigned first = 0; first < 32; first += lanes) {
    uint32_t words[32][32];
    uint8_t depth[32] = {};
    for (unsigned i = first; i < first + lanes; ++i) {
      if (!(m >> i & 1)) continue;
      for (uint64_t k = offset[i] / 4; k * 4 < offset[i] + bytes; ++k) {
        const unsigned bank = k % 32;
        bool known = false;
        for (unsigned j = 0; j < depth[bank]; ++j) known |= words[bank][j] == k;
        if (!known && depth[bank] < 32) words[bank][depth[bank]++] = uint32_t(k);
      }
    }
    unsigned worst = 1;
    for (unsigned b = 0; b < 32; ++b) worst = depth[b] > worst ? depth[b] : worst;
    c.bank_conflict_cycles += worst - 1;
  }
}

}  // namespace cudasim
