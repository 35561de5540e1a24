// The columns of the queries that adapt by one kernel, then every cosine by a second, where rows are contiguous.
//
// Tiling     adapt  a block is one cluster of one window. Its first warp finds the best query and, down that query's
//                   column, the two nearest patches; all threads make the new word; then a warp a patch multiplies.
//            blend  one thread a cosine.
// Shared     adapt: the word, 4·E bytes, and a sum for each warp.
// Occupancy  256 threads, at most 48 registers: 5 blocks, 62 % of an SM.
// Limit      adapt: L2, from which each cluster reads the window's features, 4·P·E bytes, once; DRAM has them once.
//            blend: DRAM, 8 bytes a cosine.
#include "kernels/adapt_words/adapt_words.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256, kWarps = kThreads / 32;

struct Best {
  float value;
  int index;  // −1: none
};

// Whether a comes before b: the larger value, the lower index of equal ones.
__device__ __forceinline__ bool before(Best a, Best b) {
  if (a.index < 0 || b.index < 0) return b.index < 0;
  return a.value > b.value || (a.value == b.value && a.index < b.index);
}

__device__ __forceinline__ Best from_lane(Best x, int offset) {
  return {__shfl_xor_sync(kFullWarp, x.value, offset), __shfl_xor_sync(kFullWarp, x.index, offset)};
}

__global__ void __launch_bounds__(kThreads) adapt_words_kernel(const __grid_constant__ AdaptWordsParams p) {
  extern __shared__ float word[];
  __shared__ float sums[kWarps];
  __shared__ int chosen[3];  // the query, and the two patches; −1: no second one
  const int64_t window = blockIdx.x / p.clusters, cluster = blockIdx.x % p.clusters;
  const float* features = p.features + window * p.patches * p.embed_dim;
  const float* fit = p.fit + window * p.fit_stride;
  float* cosines = p.cosines + window * p.patches * p.queries;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;

  if (warp == 0) {
    Best best{0, -1};
    for (int i = p.begins[cluster] + lane; i < p.begins[cluster + 1]; i += 32) {
      const Best here{fit[p.members[i]], p.members[i]};
      if (before(here, best)) best = here;
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
      const Best other = from_lane(best, offset);
      if (before(other, best)) best = other;
    }
    Best first{0, -1}, second{0, -1};
    for (int i = lane; i < p.patches; i += 32) {
      const Best here{cosines[i * p.queries + best.index], i};
      if (before(here, first)) {
        second = first;
        first = here;
      } else if (before(here, second)) {
        second = here;
      }
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
      const Best other_first = from_lane(first, offset), other_second = from_lane(second, offset);
      if (before(other_first, first)) {
        second = before(first, other_second) ? first : other_second;
        first = other_first;
      } else if (before(other_first, second)) {
        second = other_first;
      }
    }
    if (lane == 0) {
      chosen[0] = best.index;
      chosen[1] = first.index;
      chosen[2] = second.index;
    }
  }
  __syncthreads();
  const int64_t k = chosen[0];
  const float* a = features + chosen[1] * p.embed_dim;
  const float* b = chosen[2] >= 0 ? features + chosen[2] * p.embed_dim : nullptr;
  float squares = 0;
  for (int64_t i = threadIdx.x; i < p.embed_dim; i += kThreads) {
    word[i] = b != nullptr ? a[i] + b[i] : a[i];
    squares = fmaf(word[i], word[i], squares);
  }
  const float scale = p.alpha / fmaxf(sqrtf(block_sum<kWarps>(squares, sums)), 1e-12f);
  squares = 0;
  for (int64_t i = threadIdx.x; i < p.embed_dim; i += kThreads) {
    word[i] = (1 - p.alpha) * p.words[k * p.embed_dim + i] + scale * word[i];
    squares = fmaf(word[i], word[i], squares);
  }
  const float norm = 1.0f / fmaxf(sqrtf(block_sum<kWarps>(squares, sums)), 1e-12f);  // and the word is there for all
  for (int64_t n = warp; n < p.patches; n += kWarps) {
    float sum = 0;
    for (int64_t i = lane; i < p.embed_dim; i += 32) sum = fmaf(features[n * p.embed_dim + i], word[i], sum);
    sum = warp_sum(sum);
    if (lane == 0) cosines[n * p.queries + k] = norm * sum;
  }
}

__global__ void __launch_bounds__(kThreads) blend_kernel(const __grid_constant__ AdaptWordsParams p, int64_t total) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= total) return;
  const float* fit = p.fit + i / (p.patches * p.queries) * p.fit_stride;
  p.cosines[i] = (1 - p.weight) * p.cosines[i] + p.weight * fit[i % p.queries];
}

}  // namespace

void adapt_words_cuda(const AdaptWordsParams& p, CudaQueue queue) {
  check_params(p);
  if (p.batch == 0) return;
  SCLIP_CHECK(p.patches <= INT32_MAX && p.queries <= INT32_MAX, kInvalidArgument, "adapt_words on CUDA: ", p.patches,
              " patches and ", p.queries, " queries; it takes fewer than 2^31 of either");
  if (p.alpha > 0) {
    const size_t shared = static_cast<size_t>(p.embed_dim) * sizeof(float);
    allow_shared_memory(adapt_words_kernel, shared + 256, queue);
    adapt_words_kernel<<<grid_size(p.batch * p.clusters), kThreads, shared, queue.stream>>>(p);
  }
  if (p.weight > 0) {
    const int64_t total = p.batch * p.patches * p.queries;
    blend_kernel<<<grid_size(ceil_div(total, kThreads)), kThreads, 0, queue.stream>>>(p, total);
  }
  check_launch("adapt_words", p.batch, " × ", p.patches, " patches of ", p.embed_dim, ", ", p.queries, " queries in ",
               p.clusters, " clusters");
}

}  // namespace sclip
