// Queries for attention to keys that Procrustes' rotation has turned, in place (PEARL's read-out).
//
// Of one window and head, with q_n and k_n the rows of its tokens, token 0 the class token:
//   w_n = ‖q_n‖ / (Σ_{m≥1} ‖q_m‖ + 1e-6), w_0 = 0;   q̄ = Σ w_n q_n,   k̄ = Σ w_n k_n
//   B = Σ_n (k_n − k̄)ᵀ (q_n − q̄)                                                     (d, d), all tokens
//   R = B Z / √a, the orthogonal polar factor of B as five Newton–Schulz steps leave it:
//       C = BᵀB, a = max(‖C‖_F, 1e-6), Y = C/a + 1e-6·I, Z = I; five times: T = ½(3I − Z Y), Y ← Y T, Z ← T Z
//   q_n ← q_n Rᵀ + α (k_n − k̄)
//
// The scores of PEARL are q (k R)ᵀ + α k_c k_cᵀ with k_c = k − k̄. q_n (k_m R)ᵀ = (q_n Rᵀ) k_mᵀ, and
// k_c,n k_c,mᵀ = k_c,n k_mᵀ minus a number that all columns m of row n share, which a softmax takes out again. The new
// queries with the old keys therefore have PEARL's probabilities, and ordinary attention follows.
// The number of steps is part of the definition: where B is ill-conditioned five do not converge.
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

inline constexpr int kProcrustesSteps = 5;
inline constexpr float kProcrustesFloor = 1e-6f;  // of sums that are divided by, and on Y's diagonal
inline constexpr int64_t kProcrustesMaxHeadDim = 64;

struct ProcrustesParams {
  void* qkv = nullptr;        // (B, N, 3, A, d) in dtype; q is read and written, k is read
  DType dtype = DType::kF32;  // kF32 or kBF16, on CUDA also kF16; arithmetic in f32
  float alpha = 0;
  int64_t batch = 0;     // B
  int64_t tokens = 0;    // N ≥ 1
  int64_t heads = 0;     // A ≥ 1
  int64_t head_dim = 0;  // d: a multiple of 4, at most 64
};

// What all implementations ask of their arguments.
inline void check_params(const ProcrustesParams& p) {
  check_float_dtype("procrustes", p.dtype);
  SCLIP_CHECK(p.batch >= 0 && p.tokens >= 1 && p.heads >= 1 && p.head_dim >= 4 && p.head_dim % 4 == 0 &&
                  p.head_dim <= kProcrustesMaxHeadDim,
              kInvalidArgument, "procrustes: a batch of ", p.batch, ", ", p.tokens, " tokens, ", p.heads, " heads of ",
              p.head_dim, ": head_dim must be a multiple of 4 up to ", kProcrustesMaxHeadDim,
              ", and neither tokens nor heads may be 0");
  SCLIP_CHECK(p.batch == 0 || p.qkv != nullptr, kInvalidArgument, "procrustes: qkv must be given");
}

void procrustes_cpu(const ProcrustesParams& params, CpuQueue queue);
void procrustes_cuda(const ProcrustesParams& params, CudaQueue queue);

namespace ref {
void procrustes(const ProcrustesParams& params);  // f32 only; arithmetic in double
}

}  // namespace sclip
