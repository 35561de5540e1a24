// The sum of the maps of those heads whose attention is the most certain: DIH-CLIP.
//
//   e_h = −Σ_ij a_ij · log₂(a_ij + 10⁻⁶) over all entries of head h's map;   out = weight · Σ_{h ∈ H} summed_h,
//   H the heads whose entropy is not above the count-th lowest.
//
// Heads are chosen by value: a tie takes both. NaN in a map spreads over its window.
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

inline constexpr float kEntropyEps = 1e-6f;

struct ChooseHeadsParams {
  const float* maps = nullptr;     // (B, A, N, N): whose entropies choose
  const float* summed = nullptr;   // (B, A, N, N): what is summed; null: maps
  float* row_entropies = nullptr;  // (B, A, N): in bits, of each row
  int32_t* chosen = nullptr;       // (B, A): 1 for a head of H, else 0
  void* out = nullptr;             // (B, N, N) in out_dtype
  DType out_dtype = DType::kF32;   // kF32 or kBF16; on CUDA also kF16
  int64_t batch = 1;
  int64_t heads = 0;   // A, at most 1024
  int64_t tokens = 0;  // N
  int64_t count = 1;   // 1 … A
  float weight = 1.0f;
};

// What both implementations ask of their arguments.
inline void check_params(const ChooseHeadsParams& p) {
  check_float_dtype("choose_heads", p.out_dtype);
  SCLIP_CHECK(p.batch >= 0 && p.tokens >= 0 && p.heads >= 1 && p.heads <= 1024 && p.count >= 1 && p.count <= p.heads,
              kInvalidArgument, "choose_heads: ", p.count, " of ", p.heads, " heads, ", p.batch, " × ", p.tokens,
              " tokens: it takes up to 1024 heads, and at least one of them");
  SCLIP_CHECK(p.batch * p.tokens == 0 ||
                  (p.maps != nullptr && p.row_entropies != nullptr && p.chosen != nullptr && p.out != nullptr),
              kInvalidArgument, "choose_heads: maps, row_entropies, chosen and out must be given");
}

void choose_heads_cpu(const ChooseHeadsParams& params, CpuQueue queue);
void choose_heads_cuda(const ChooseHeadsParams& params, CudaQueue queue);

namespace ref {
void choose_heads(const ChooseHeadsParams& params);  // f32 output only
}

}  // namespace sclip
