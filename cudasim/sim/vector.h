// What the vector instructions share: lane loops, maps over registers and the choice of a template by type. Each file
// that includes this is compiled once per instruction set; CUDASIM_ISA names the namespace. None of them may
// instantiate inline functions with external linkage, or the linker could mix the versions.
#pragma once
#include <immintrin.h>

#include "sim/half.h"
#include "sim/warp.h"

namespace cudasim {
namespace CUDASIM_ISA {

// The code for an instruction, by family; null when the family has no vector code for it.
ExecFn select_int(const Instr& in);
ExecFn select_float(const Instr& in);
ExecFn select_double(const Instr& in);
ExecFn select_half(const Instr& in);
ExecFn select_compare(const Instr& in);
ExecFn select_move(const Instr& in);
ExecFn select_memory(const Instr& in);
ExecFn select_matrix(const Instr& in);
ExecFn select_wgmma(const Instr& in);

namespace {

#define LANES _Pragma("GCC ivdep") for (int i = 0; i < 32; ++i)
#define INLINE inline __attribute__((always_inline))

template <class T>
INLINE T* reg(Warp& w, uint32_t slot) {
  return reinterpret_cast<T*>(w.regs + slot);
}
INLINE uint32_t& pred(Warp& w, uint32_t slot) {
  return *reinterpret_cast<uint32_t*>(w.regs + slot);
}

template <class D>
INLINE void merge(D* d, const D* t, uint32_t m) {
  LANES d[i] = (m >> i & 1) ? t[i] : d[i];
}

// A mask of the lanes whose word is not zero.
INLINE uint32_t pack_mask(const uint32_t* f) {
#if defined(__AVX512F__)
  const __m512i a = _mm512_loadu_si512(f), b = _mm512_loadu_si512(f + 16);
  return uint32_t(_mm512_test_epi32_mask(a, a)) | uint32_t(_mm512_test_epi32_mask(b, b)) << 16;
#else
  uint32_t r = 0;
  for (int i = 0; i < 32; i += 4) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(f + i));
    r |= uint32_t(~_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(v, _mm_setzero_si128()))) & 15) << i;
  }
  return r;
#endif
}

template <class F, class D, class A>
void map1(Warp& w, const Instr& in) {
  D* d = reg<D>(w, in.d);
  const A* a = reg<A>(w, in.a);
  const F f{};
  if (w.exec == ~0u) {
    LANES d[i] = f(a[i]);
  } else {
    D t[32];
    LANES t[i] = f(a[i]);
    merge(d, t, w.exec);
  }
}
template <class F, class D, class A, class B>
void map2(Warp& w, const Instr& in) {
  D* d = reg<D>(w, in.d);
  const A* a = reg<A>(w, in.a);
  const B* b = reg<B>(w, in.b);
  const F f{};
  if (w.exec == ~0u) {
    LANES d[i] = f(a[i], b[i]);
  } else {
    D t[32];
    LANES t[i] = f(a[i], b[i]);
    merge(d, t, w.exec);
  }
}
template <class F, class D, class A, class B, class C>
void map3(Warp& w, const Instr& in) {
  D* d = reg<D>(w, in.d);
  const A* a = reg<A>(w, in.a);
  const B* b = reg<B>(w, in.b);
  const C* c = reg<C>(w, in.c);
  const F f{};
  if (w.exec == ~0u) {
    LANES d[i] = f(a[i], b[i], c[i]);
  } else {
    D t[32];
    LANES t[i] = f(a[i], b[i], c[i]);
    merge(d, t, w.exec);
  }
}

#define UN(T, expr) &map1<decltype([](T a) -> T { return static_cast<T>(expr); }), T, T>
#define BIN(T, expr) &map2<decltype([](T a, T b) -> T { return static_cast<T>(expr); }), T, T, T>
#define TRI(T, expr) &map3<decltype([](T a, T b, T c) -> T { return static_cast<T>(expr); }), T, T, T, T>
#define SHIFT(T, expr) &map2<decltype([](T a, uint32_t b) -> T { return static_cast<T>(expr); }), T, T, uint32_t>

// Chooses the instantiation of an integer template by the instruction's type.
#define BY_INT(t, X)                     \
  switch (t) {                           \
    case Type::kU16:                     \
    case Type::kB16: return X(uint16_t); \
    case Type::kS16: return X(int16_t);  \
    case Type::kU32:                     \
    case Type::kB32: return X(uint32_t); \
    case Type::kS32: return X(int32_t);  \
    case Type::kU64:                     \
    case Type::kB64: return X(uint64_t); \
    case Type::kS64: return X(int64_t);  \
    default: return nullptr;             \
  }
#define BY_BITS(t, X)           \
  switch (type_size(t)) {       \
    case 2: return X(uint16_t); \
    case 4: return X(uint32_t); \
    case 8: return X(uint64_t); \
    default: return nullptr;    \
  }

}  // namespace
}  // namespace CUDASIM_ISA
}  // namespace cudasim
