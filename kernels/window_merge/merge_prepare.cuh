// Before the merge: the tables of both axes, and whether the inputs can be trusted.
#pragma once

#include "kernels/window_merge/merge_tile.cuh"

namespace sclip::cuda::merge {

constexpr int kPrepareThreads = 128;
// Blocks that look through queries and logits: two a multiprocessor, so that one reads while the other compares.
inline int check_blocks(const CudaQueue& queue) {
  return 2 * queue.multiprocessors;
}

__global__ void __launch_bounds__(kPrepareThreads) window_merge_prepare_kernel(const __grid_constant__ Merge m) {
  __shared__ int cells[kPrepareThreads / 32][kMaxMembers], group_of[kPrepareThreads / 32][kMaxMembers];
  const int strips = m.x.strip_count + m.y.strip_count;
  const int strip_blocks = (strips + kPrepareThreads / 32 - 1) / (kPrepareThreads / 32);
  const int block = static_cast<int>(blockIdx.x);
  if (block < strip_blocks) {
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int strip = block * (kPrepareThreads / 32) + warp;
    if (strip >= strips) return;
    const bool is_x = strip < m.x.strip_count;
    build_strip(is_x ? m.x : m.y, is_x ? strip : strip - m.x.strip_count, m.fault, cells[warp], group_of[warp]);
    return;
  }
  const int64_t first = static_cast<int64_t>(block - strip_blocks) * kPrepareThreads + threadIdx.x;
  const int64_t stride = static_cast<int64_t>(static_cast<int>(gridDim.x) - strip_blocks) * kPrepareThreads;
  for (int64_t i = first; i < m.l.queries; i += stride) {
    const int c = m.l.query_class[i], before = i == 0 ? 0 : m.l.query_class[i - 1];
    if (c < before || c >= m.l.classes) note_fault(m.fault, MergeFault::kQuery, i, static_cast<uint32_t>(c));
  }
#pragma unroll 4
  for (int64_t i = first; i < m.logit_count; i += stride) {
    const float logit = m.all_logits[i];
    if (!(fabsf(logit) <= m.logit_limit)) note_fault(m.fault, MergeFault::kLogit, i, __float_as_uint(logit));
  }
}

}  // namespace sclip::cuda::merge
