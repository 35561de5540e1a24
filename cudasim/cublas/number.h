// The element types of matrices: conversion to and from f32, to nearest even. E4M3 is only read.
#pragma once
#include <library_types.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace cudasim_blas {

inline size_t element_bytes(cudaDataType type) {
  return type == CUDA_R_32F ? 4 : type == CUDA_R_16F || type == CUDA_R_16BF ? 2 : type == CUDA_R_8F_E4M3 ? 1 : 0;
}
const char* type_name(cudaDataType type);

// 65536 values of f16, as f32.
const float* half_table();
// 256 values of E4M3.
const float* e4m3_table();

inline float bits_to_float(uint32_t u) {
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}

inline float load(const void* p, size_t i, cudaDataType type) {
  if (type == CUDA_R_32F) return static_cast<const float*>(p)[i];
  if (type == CUDA_R_8F_E4M3) return e4m3_table()[static_cast<const uint8_t*>(p)[i]];
  const uint16_t u = static_cast<const uint16_t*>(p)[i];
  return type == CUDA_R_16F ? half_table()[u] : bits_to_float(uint32_t(u) << 16);
}

// Drops the low bits of the mantissa, to nearest even; NaN stays NaN.
inline uint32_t round_bits(float f, unsigned drop) {
  uint32_t u;
  std::memcpy(&u, &f, 4);
  if ((u & 0x7FFFFFFF) > 0x7F800000) return u | 0x00400000;
  return (u + (1u << (drop - 1)) - 1 + (u >> drop & 1)) >> drop << drop;
}

inline void store(void* p, size_t i, cudaDataType type, float f) {
  if (type == CUDA_R_32F)
    static_cast<float*>(p)[i] = f;
  else if (type == CUDA_R_16BF)
    static_cast<uint16_t*>(p)[i] = uint16_t(round_bits(f, 16) >> 16);
  else {
    const _Float16 h = static_cast<_Float16>(f);
    std::memcpy(static_cast<uint16_t*>(p) + i, &h, 2);
  }
}

}  // namespace cudasim_blas
