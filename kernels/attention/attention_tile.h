// Which kernel and which tile serve a shape. Pure, so that a test can read it and a device is not needed to know.
#pragma once

#include <cstdint>

#include "kernels/attention/attention.h"

namespace sclip {

enum class AttentionKernel : uint8_t {
  kCopy,       // identity scores: nothing to multiply
  kWholeRows,  // tensor cores, rows of scores held in registers; correlative only
  kOnline,     // tensor cores, running maximum and sum
  kSimt,       // f32 arithmetic in plain instructions, any head_dim
};

struct AttentionTile {
  AttentionKernel kernel = AttentionKernel::kSimt;
  int dim = 0;   // head_dim the instance is compiled for; the columns from head_dim to dim are zeros in shared memory
  int keys = 0;  // keys a tile holds
};

// 64 query rows a block: 4 warps of 16, the height of one mma. Two blocks of up to 255 registers a thread fill an SM.
constexpr int kAttentionRows = 64;
// Whole rows of 256 scores are 128 registers in f32 and 64 more in halves, which is what a thread has.
constexpr int kAttentionWholeRows = 256;

// Keys of a tile. 64 rows of up to 96 halves, twice, and the query rows twice (correlative) are 48 KiB: what a block
// may have without asking, and two blocks of it fit the 100 KiB of sm_86, 89 and 120. Rows of 128 halves leave room
// for 32.
constexpr int attention_keys(AttentionKernel kernel, int dim) {
  return kernel == AttentionKernel::kOnline && dim > 96 ? 32 : 64;
}

// `aligned`: qkv and out lie at multiples of 16 bytes.
constexpr AttentionTile choose_attention_tile(DType dtype, AttentionScores scores, int64_t tokens, int64_t head_dim,
                                              bool aligned) {
  if (scores == AttentionScores::kIdentity) return {AttentionKernel::kCopy, 0, 0};
  // Tensor cores multiply halves; cp.async moves 16 bytes, so every row must start at a multiple of them.
  if (dtype == DType::kF32 || head_dim % 8 != 0 || head_dim > 128 || !aligned) {
    return {AttentionKernel::kSimt, static_cast<int>(head_dim), 32};
  }
  // 64: ViT-B and L. 80: ViT-H. 88 (ViT-g) takes 96. 104 (ViT-bigG) takes 128. 32: small models.
  const int dim = head_dim <= 32 ? 32 : head_dim <= 64 ? 64 : head_dim <= 80 ? 80 : head_dim <= 96 ? 96 : 128;
  // Two kinds of scores share one product with V when their rows are whole, a quarter of the work. One kind would save
  // only the rescaling of the running output, a tenth of the instructions, and pay with half of the warps an SM holds.
  const bool whole = scores == AttentionScores::kCorrelative && tokens <= kAttentionWholeRows;
  const AttentionKernel kernel = whole ? AttentionKernel::kWholeRows : AttentionKernel::kOnline;
  return {kernel, dim, attention_keys(kernel, dim)};
}

}  // namespace sclip
