// Which kernel and which tile serve a shape. Pure, so that a test can read it and a device is not needed to know.
#pragma once

#include <cstdint>

#include "kernels/attention/attention.h"

namespace sclip {

enum class AttentionKernel : uint8_t {
  kCopy,       // identity scores: nothing to multiply
  kWholeRows,  // tensor cores, rows of scores held in registers; correlative only
  kOnline,     // tensor cores, running maximum and sum
  kTwoPass,    // tensor cores, P complete before it meets V: general probabilities
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
  return kernel != AttentionKernel::kWholeRows && dim > 96 ? 32 : 64;
}

// Left rows of each product, two stages of keys, and a maximum and a weight for each softmax and row: up to 66 KiB.
constexpr size_t attention_two_pass_shared_bytes(int dim, AttentionScores scores) {
  const int softmaxes = count_softmaxes(scores), panels = has_products(scores) ? softmaxes : 1;
  const int rows = panels * kAttentionRows + 2 * attention_keys(AttentionKernel::kTwoPass, dim);
  return static_cast<size_t>(rows * dim * 2 + softmaxes * kAttentionRows * 8);
}

// `aligned`: qkv and out lie at multiples of 16 bytes. The tiles themselves are the same on every architecture: they
// follow from mma's shape, the 64 Ki registers of an SM and 48 KiB of shared memory, which all have.
constexpr AttentionTile choose_attention_tile(const AttentionParams& p, bool aligned, const CudaQueue& device) {
  if (p.scores == AttentionScores::kIdentity) return {AttentionKernel::kCopy, 0, 0};
  const int64_t head_dim = p.head_dim;
  // Tensor cores multiply halves; cp.async moves 16 bytes, so every row must start at a multiple of them.
  if (p.dtype == DType::kF32 || head_dim % 8 != 0 || head_dim > 128 || !aligned) {
    return {AttentionKernel::kSimt, static_cast<int>(head_dim), 32};
  }
  // 64: ViT-B and L. 80: ViT-H. 88 (ViT-g) takes 96. 104 (ViT-bigG) takes 128. 32: small models.
  const int dim = head_dim <= 32 ? 32 : head_dim <= 64 ? 64 : head_dim <= 80 ? 80 : head_dim <= 96 ? 96 : 128;
  if (is_general(p)) {  // one block of a tower has it, if any: two instances do
    const int wide = dim <= 64 ? 64 : 128;
    if (attention_two_pass_shared_bytes(wide, p.scores) > device.shared_memory_per_block) {
      return {AttentionKernel::kSimt, static_cast<int>(head_dim), 32};
    }
    return {AttentionKernel::kTwoPass, wide, attention_keys(AttentionKernel::kTwoPass, wide)};
  }
  // Two kinds of scores share one product with V when their rows are whole, a quarter of the work. One kind would save
  // only the rescaling of the running output, a tenth of the instructions, and pay with half of the warps an SM holds.
  const bool whole = p.scores == AttentionScores::kCorrelative && p.tokens <= kAttentionWholeRows;
  const AttentionKernel kernel = whole ? AttentionKernel::kWholeRows : AttentionKernel::kOnline;
  return {kernel, dim, attention_keys(kernel, dim)};
}

}  // namespace sclip
