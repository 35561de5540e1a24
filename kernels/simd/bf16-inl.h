// f32 vectors from and to f32 or bf16 memory; the store rounds to nearest, ties to even.
// Highway style: included once per target from inside a foreach_target file.

#if defined(SCLIP_KERNELS_SIMD_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_SIMD_BF16_INL_H_
#undef SCLIP_KERNELS_SIMD_BF16_INL_H_
#else
#define SCLIP_KERNELS_SIMD_BF16_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "core/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> LoadFloat(D d, const float* p) {
  return hn::LoadU(d, p);
}

template <class D>
HWY_INLINE hn::Vec<D> LoadFloat(D d, const BFloat16* p) {
  const hn::Rebind<uint16_t, D> d16;
  const hn::RebindToUnsigned<D> d32;
  const auto bits = hn::PromoteTo(d32, hn::LoadU(d16, reinterpret_cast<const uint16_t*>(p)));
  return hn::BitCast(d, hn::ShiftLeft<16>(bits));
}

template <class D>
HWY_INLINE void StoreFloat(D d, hn::Vec<D> v, float* p) {
  hn::StoreU(v, d, p);
}

// Finite values and infinities; a NaN may come out as an infinity.
template <class D>
HWY_INLINE void StoreFloat(D /*d*/, hn::Vec<D> v, BFloat16* p) {
  const hn::Rebind<uint16_t, D> d16;
  const hn::RebindToUnsigned<D> d32;
  const hn::RebindToSigned<D> i32;
  const auto bits = hn::BitCast(d32, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(d32, 0x7fffu))));
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(i32, rounded)), d16, reinterpret_cast<uint16_t*>(p));
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
