// Tensor-core products of one warp: D (16, 8) f32 += A (16, 16) · B (16, 8), A and B in f16 or bf16.
//
// Fragments, with g = lane / 4 and t = lane % 4 (PTX ISA, mma.m16n8k16):
//   A   a[0]: row g, columns 2t, 2t+1;  a[1]: row g + 8;  a[2]: row g, columns + 8;  a[3]: row g + 8, columns + 8
//   B   b[0]: rows 2t, 2t+1 of column g;  b[1]: rows + 8
//   D   d[0], d[1]: row g, columns 2t, 2t+1;  d[2], d[3]: row g + 8
// D's layout is A's: a product's result, packed to halves, is the next product's A without moving a value.
//
// ldmatrix reads 8×8 matrices of halves; lane i gives the address of row i % 8 of matrix i / 8, 16-byte aligned, and
// matrix j arrives in register j: row g, columns 2t and 2t + 1; transposed: column g, rows 2t and 2t + 1.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/element.cuh"

namespace sclip::cuda {

__device__ __forceinline__ void ldmatrix_x4(uint32_t (&r)[4], uint32_t shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared)
               : "memory");
}

__device__ __forceinline__ void ldmatrix_x4_transposed(uint32_t (&r)[4], uint32_t shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared)
               : "memory");
}

template <typename T>
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (std::is_same_v<T, F16>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
        "%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, "
        "%2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

}  // namespace sclip::cuda
