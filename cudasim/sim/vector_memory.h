// The fast paths of checked memory accesses: a few vector operations decide that nothing is wrong; everything else goes
// to the checked functions of checks.cpp.
#pragma once
#include "sim/vector.h"

namespace cudasim {
namespace CUDASIM_ISA {
namespace {

INLINE void lane_addresses(Warp& w, uint32_t slot, uint8_t size, int64_t offset, uint64_t* out) {
  if (size == 8) {
    const uint64_t* a = reg<uint64_t>(w, slot);
    LANES out[i] = a[i] + uint64_t(offset);
  } else {
    const uint32_t* a = reg<uint32_t>(w, slot);
    LANES out[i] = uint32_t(a[i] + uint32_t(offset));
  }
}

INLINE bool contiguous(const uint64_t* a, uint32_t bytes) {
  uint64_t diff = 0;
  for (int i = 0; i < 32; ++i) diff |= a[i] - (a[0] + uint64_t(i) * bytes);
  return diff == 0;
}

INLINE uint32_t check_global(Warp& w, const Instr& in, const uint64_t* a, uint32_t m, uint32_t bytes,
                             const char* verb) {
  const Cta& c = *w.cta;
  if (!c.check_memory) return m;
  const uint64_t first = a[__builtin_ctz(m)];
  const uint64_t slot = (first - c.mem_base) >> kSlotShift;
  if (slot < kSlotCount) {
    const AllocBounds b = c.bounds[slot];
    const uint64_t limit = b.hi - b.lo - bytes;
    uint64_t bad = limit, low = 0;
    if (m == ~0u) {
      for (int i = 0; i < 32; ++i) {
        const uint64_t d = a[i] - b.lo;
        bad |= d | (limit - d);
        low |= a[i];
      }
    } else {
      for (int i = 0; i < 32; ++i) {
        const uint64_t x = (m >> i & 1) ? a[i] : first, d = x - b.lo;
        bad |= d | (limit - d);
        low |= x;
      }
    }
    if (!(bad >> 63) && !(low & (bytes - 1))) return m;
  }
  return global_access_slow(w, in, a, m, bytes, verb);
}

INLINE uint8_t* host_pointer(const Cta& c, uint64_t a) {
  return reinterpret_cast<uint8_t*>(a - c.mem_base < (kSlotCount << kSlotShift) ? a + uint64_t(c.mem_shift) : a);
}

INLINE uint32_t check_shared(Warp& w, const Instr& in, const uint64_t* a, uint32_t m, uint32_t bytes,
                             const char* verb) {
  const uint64_t limit = uint64_t(w.cta->launch->shared_bytes) - bytes;
  const uint64_t first = a[__builtin_ctz(m)];
  uint64_t bad = limit, low = 0;
  for (int i = 0; i < 32; ++i) {
    const uint64_t x = (m >> i & 1) ? a[i] : first;
    bad |= x | (limit - x);
    low |= x;
  }
  if (!(bad >> 63) && !(low & (bytes - 1))) return m;
  return shared_access_slow(w, in, a, m, bytes, verb);
}

// ---- Shadow rows of N whole words, all touched by `me` (which has time, warp and lane). False: take the slow path.
template <int N>
INLINE bool read_row(Cta& c, uint32_t word, uint32_t me) {
  SharedShadow& s = c.shadow;
  const uint32_t fresh = c.fresh;
  const uint32_t* wr = s.write.data() + word;
  uint32_t *r1 = s.read1.data() + word, *r2 = s.read2.data() + word;
  const uint8_t* st = s.state.data() + word;
  uint32_t bad = 0;
  for (int k = 0; k < N; ++k) bad |= ((wr[k] >= fresh) & (((wr[k] ^ me) & kTagWho) != 0)) | (st[k] != kInitAll);
  if (bad) return false;
  for (int k = 0; k < N; ++k) {
    const uint32_t a = r1[k], b = r2[k];
    const bool keep = (a >= fresh) & (((a ^ me) & kTagWho) != 0) & !((b >= fresh) & (((b ^ me) & 0x3E0) != 0));
    r2[k] = keep ? a : b;
    r1[k] = me;
  }
  if constexpr (N == 4) {
    const uint32_t all = 0x0F0F0F0F;
    __builtin_memcpy(s.read_mask.data() + word, &all, 4);
  } else
    for (int k = 0; k < N; ++k) s.read_mask[word + uint32_t(k)] = 0x0F;
  return true;
}
template <int N>
INLINE bool write_row(Cta& c, uint32_t word, uint32_t me) {
  SharedShadow& s = c.shadow;
  const uint32_t fresh = c.fresh;
  uint32_t* wr = s.write.data() + word;
  const uint32_t *r1 = s.read1.data() + word, *r2 = s.read2.data() + word;
  uint8_t* st = s.state.data() + word;
  uint32_t bad = 0;
  for (int k = 0; k < N; ++k)
    bad |= ((wr[k] >= fresh) & (((wr[k] ^ me) & kTagWho) != 0)) | ((r1[k] >= fresh) & (((r1[k] ^ me) & kTagWho) != 0)) |
           ((r2[k] >= fresh) & (((r2[k] ^ me) & kTagWho) != 0)) | (st[k] & kPending);
  if (bad) return false;
  for (int k = 0; k < N; ++k) {
    wr[k] = me;
    st[k] = kInitAll;
    s.write_mask[word + uint32_t(k)] = 0x0F;
  }
  return true;
}
// 32 lanes that touch 32 * N consecutive words.
template <int N>
INLINE bool read_block(Cta& c, uint32_t word, uint32_t me) {
  SharedShadow& s = c.shadow;
  const uint32_t fresh = c.fresh;
  const uint32_t* wr = s.write.data() + word;
  uint32_t *r1 = s.read1.data() + word, *r2 = s.read2.data() + word;
  const uint8_t* st = s.state.data() + word;
  uint32_t bad = 0;
  uint8_t bad_state = 0;
  for (int k = 0; k < 32 * N; ++k) bad |= (wr[k] >= fresh) & (((wr[k] ^ (me + uint32_t(k / N))) & kTagWho) != 0);
  for (int k = 0; k < 32 * N; ++k) bad_state |= uint8_t(st[k] ^ kInitAll);
  if (bad | bad_state) return false;
#pragma GCC ivdep
  for (int k = 0; k < 32 * N; ++k) {
    const uint32_t a = r1[k], b = r2[k], mine = me + uint32_t(k / N);
    const bool keep = (a >= fresh) & (((a ^ mine) & kTagWho) != 0) & !((b >= fresh) & (((b ^ mine) & 0x3E0) != 0));
    r2[k] = keep ? a : b;
    r1[k] = mine;
  }
  __builtin_memset(s.read_mask.data() + word, 0x0F, 32 * N);
  return true;
}
template <int N>
INLINE bool write_block(Cta& c, uint32_t word, uint32_t me) {
  SharedShadow& s = c.shadow;
  const uint32_t fresh = c.fresh;
  uint32_t* wr = s.write.data() + word;
  const uint32_t *r1 = s.read1.data() + word, *r2 = s.read2.data() + word;
  uint8_t* st = s.state.data() + word;
  uint32_t bad = 0;
  uint8_t pending = 0;
  for (int k = 0; k < 32 * N; ++k) {
    const uint32_t mine = me + uint32_t(k / N);
    bad |= ((wr[k] >= fresh) & (((wr[k] ^ mine) & kTagWho) != 0)) |
           ((r1[k] >= fresh) & (((r1[k] ^ mine) & kTagWho) != 0)) |
           ((r2[k] >= fresh) & (((r2[k] ^ mine) & kTagWho) != 0));
  }
  for (int k = 0; k < 32 * N; ++k) pending |= uint8_t(st[k] & kPending);
  if (bad | pending) return false;
#pragma GCC ivdep
  for (int k = 0; k < 32 * N; ++k) wr[k] = me + uint32_t(k / N);
  __builtin_memset(st, kInitAll, 32 * N);
  __builtin_memset(s.write_mask.data() + word, 0x0F, 32 * N);
  return true;
}
INLINE uint32_t my_tag(const Warp& w, bool strong) {
  return w.cta->now << kTagTimeShift | (strong ? kTagStrong : 0) | w.index << 5;
}

}  // namespace
}  // namespace CUDASIM_ISA
}  // namespace cudasim
