// The f32 matrix product of the host's library, all operands column by column.
#pragma once
#include <cstdint>

namespace cudasim_blas {

// c (m x n, ld m) = alpha * op(a) * op(b); op transposes when the flag is set.
void host_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
               const float* b, int64_t ldb, float* c);

}  // namespace cudasim_blas
