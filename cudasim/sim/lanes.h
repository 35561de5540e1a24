// Access to the lanes of a warp one by one, for the code that exists once for all instruction sets.
#pragma once
#include <cstring>

#include "sim/warp.h"

namespace cudasim {

template <class T>
T* reg(Warp& w, uint32_t slot) {
  return reinterpret_cast<T*>(w.regs + slot);
}
inline uint32_t& pred(Warp& w, uint32_t slot) {
  return *reinterpret_cast<uint32_t*>(w.regs + slot);
}
inline void set_pred(Warp& w, uint32_t slot, uint32_t value) {
  uint32_t& d = pred(w, slot);
  d = (d & ~w.exec) | (value & w.exec);
}
inline uint32_t pred_source(Warp& w, const Instr& in, uint32_t slot) {
  return pred(w, slot) ^ (in.neg_pred ? ~0u : 0u);
}

template <class F>
void for_lanes(uint32_t m, F f) {
  for (; m; m &= m - 1) f(uint32_t(__builtin_ctz(m)));
}

inline uint64_t read_lane(const Warp& w, uint32_t slot, unsigned size, uint32_t i) {
  uint64_t v = 0;
  std::memcpy(&v, w.regs + slot + i * size, size);
  return v;
}
inline void write_lane(Warp& w, uint32_t slot, unsigned size, uint32_t i, uint64_t v) {
  std::memcpy(w.regs + slot + i * size, &v, size);
}
inline int64_t sign_extend(uint64_t v, unsigned bytes) {
  return int64_t(v << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

template <class T>
T from_bits(uint64_t b) {
  T t;
  std::memcpy(&t, &b, sizeof t);
  return t;
}
template <class T>
uint64_t to_bits(T t) {
  uint64_t b = 0;
  std::memcpy(&b, &t, sizeof t);
  return b;
}

}  // namespace cudasim
