// One (window, head) is one work item; a worker packs its K (and Q) transposed into panels and its V into contiguous
// rows, then walks over blocks of kMaxRows query rows:
//
//   S (rows, N) = Q_block · Kᵀ      register tile of rows × kPanelVectors vectors, one broadcast per row and step
//   P = exp(scale·S − max), Σ        two passes over rows that lie in L1
//   out = P · V / Σ                  the same register tile over head_dim
//
// Several softmaxes run the first two steps for each, add the normalised P, and multiply with V once. Weights, added
// probabilities and a P that is returned are one more pass over the rows in L1. For the mean of the heads an item is
// kMeanRows rows of a window, which go through all heads in order: their packing is done N / kMeanRows times, a few
// percent, and no two workers meet.
// Working set for N = 197, d = 64: 53 KiB a packed matrix (L2, streamed once per block of rows), 5 KiB of scores (L1).
// On processors with AVX512-BF16, bf16 inputs are multiplied as they are, two a lane and instruction (VDPBF16PS), and
// the probabilities are rounded to bf16 once; elsewhere bf16 is widened to f32 while packing.
// Limit: the FMA units; packing costs N·d stores, softmax about 15 instructions per 16 scores.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/attention_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "kernels/attention/attention.h"
#include "kernels/attention/attention_head-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

constexpr int64_t kMeanRows = 16 * kMaxRows;

template <typename Element, typename Products>
void AttentionOf(const AttentionParams& p, const CpuQueue& queue) {
  const HeadBuffers buffers(p);
  queue.scratch->reserve_workers(queue.pool->threads_here(), buffers.bytes);
  if (p.mean_of_heads) {
    const int64_t pieces = (p.tokens + kMeanRows - 1) / kMeanRows;
    queue.pool->parallel_for_workers(p.batch * pieces, [&](int worker, int64_t item) {
      const int64_t begin = item % pieces * kMeanRows;
      for (int64_t head = 0; head < p.heads; ++head) {
        Head<Element, Products>(p, buffers, queue.scratch->worker(worker), item / pieces, head)
            .Run(begin, std::min(begin + kMeanRows, p.tokens));
      }
    });
    return;
  }
  queue.pool->parallel_for_workers(p.batch * p.heads, [&](int worker, int64_t item) {
    Head<Element, Products>(p, buffers, queue.scratch->worker(worker), item / p.heads, item % p.heads).Run(0, p.tokens);
  });
}

void Attention(const AttentionParams& p, const CpuQueue& queue) {
  if (p.dtype != DType::kBF16) return AttentionOf<float, WidenedProducts<float>>(p, queue);
#if SCLIP_BF16_DOT
  if (__builtin_cpu_supports("avx512bf16") && p.head_dim % 8 == 0) {
    return AttentionOf<BFloat16, Bf16Products>(p, queue);
  }
#endif
  AttentionOf<BFloat16, WidenedProducts<BFloat16>>(p, queue);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {
namespace {

// MaskCLIP: every token keeps its own value.
void copy_values(const AttentionParams& p) {
  const auto width = static_cast<size_t>(p.heads * p.head_dim) * size_of(p.dtype);
  const auto* src = static_cast<const char*>(p.qkv) + 2 * width;
  auto* dst = static_cast<char*>(p.out);
  for (int64_t i = 0; i < p.batch * p.tokens; ++i, src += 3 * width, dst += width) std::memcpy(dst, src, width);
}

}  // namespace

HWY_EXPORT(Attention);

void attention_cpu(const AttentionParams& p, CpuQueue queue) {
  SCLIP_CHECK(p.dtype == DType::kF32 || p.dtype == DType::kBF16, kInvalidArgument, "attention takes F32 or BF16, not ",
              to_string(p.dtype));
  check_params(p);
  if (p.scores == AttentionScores::kIdentity) return copy_values(p);
  HWY_DYNAMIC_DISPATCH(Attention)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
