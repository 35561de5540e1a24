// Multi-head self-attention of short sequences, with the scores a policy chooses.
//
//   out = Σ_s softmax(scale · s + bias) · V      over the score kinds s: q·kᵀ, q·qᵀ, k·kᵀ
//
// One kind is ordinary attention; q·qᵀ and k·kᵀ together are correlative self-attention (paper,
// equation 3): both probability matrices meet the same V, so they are added first and multiplied
// with V once: 3 units of N²·d multiplications where two attentions take 4.
// The rows then sum to 2; they are not halved.
// No N×N matrix is held: a block of query rows keeps its own rows of scores in cache.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

enum class AttentionScores : uint8_t {
  kQueryKey,     // softmax(q·kᵀ): CLIP
  kQueryQuery,   // softmax(q·qᵀ)
  kKeyKey,       // softmax(k·kᵀ)
  kCorrelative,  // softmax(q·qᵀ) + softmax(k·kᵀ): SCLIP
  kIdentity,     // out = V: MaskCLIP
};

struct AttentionParams {
  const void* qkv = nullptr;    // (B, N, 3, A, d) in dtype; on the CPU aligned to 4 bytes
  void* out = nullptr;          // (B, N, A, d) in dtype; no overlap with qkv
  const float* bias = nullptr;  // (N, N) added to the scaled scores of every head, or null
  DType dtype = DType::kF32;    // kF32 or kBF16, on CUDA also kF16; accumulation and softmax in f32
  AttentionScores scores = AttentionScores::kQueryKey;
  bool causal = false;   // token i sees tokens 0…i only
  int64_t batch = 0;     // B
  int64_t tokens = 0;    // N ≥ 1
  int64_t heads = 0;     // A
  int64_t head_dim = 0;  // d: a multiple of 4, at most 256
  float softmax_scale = 1.0f;
};

void attention_cpu(const AttentionParams& params, CpuQueue queue);
void attention_cuda(const AttentionParams& params, CudaQueue queue);

namespace ref {
void attention(const AttentionParams& params);  // f32 only
}

}  // namespace sclip
