// The maps of the heads of lowest entropy, summed.
//
// Tiling     entropies  a warp a row of a map; a block is 4 rows.
//            choice     a block a window: its warps sum the rows of a head each, in order, then a thread a head counts
//                       the entropies below its own.
//            sum        a thread an entry of the result: neighbours read neighbouring entries of each chosen head.
// Shared     choice: A floats. Others: none.
// Occupancy  choice, sum: 256 threads, at most 40 registers: 6 blocks, 75 % of an SM.
//            entropies: 128 threads, at most 40 registers: 12 blocks, the same.
// Limit      DRAM: every map is read once for its entropy, and each chosen one once more.
#include "kernels/choose_heads/choose_heads.h"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarpsPerBlock = 4;
constexpr int kThreads = 256;

__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    row_entropies_kernel(const float* __restrict__ maps, float* __restrict__ entropies, int64_t total, int n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (i >= total) return;
  float sum = 0;
  for (int j = threadIdx.x % 32; j < n; j += 32) {
    const float a = maps[i * n + j];
    sum = fmaf(a, log2f(a + kEntropyEps), sum);
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) entropies[i] = -sum;
}

__global__ void __launch_bounds__(kThreads)
    choose_heads_kernel(const float* __restrict__ row_entropies, int32_t* chosen, int heads, int n, int count) {
  extern __shared__ float entropies[];
  const float* const window = row_entropies + static_cast<int64_t>(blockIdx.x) * heads * n;
  for (int h = threadIdx.x / 32; h < heads; h += kThreads / 32) {
    float sum = 0;
    for (int i = threadIdx.x % 32; i < n; i += 32) sum += window[static_cast<int64_t>(h) * n + i];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) entropies[h] = sum;
  }
  __syncthreads();
  for (int h = threadIdx.x; h < heads; h += kThreads) {
    int below = 0;
    for (int other = 0; other < heads; ++other) below += entropies[other] < entropies[h] ? 1 : 0;
    chosen[static_cast<int64_t>(blockIdx.x) * heads + h] = below < count ? 1 : 0;
  }
}

template <typename Out>
__global__ void __launch_bounds__(kThreads)
    sum_heads_kernel(const float* __restrict__ summed, const int32_t* __restrict__ chosen, Out* __restrict__ out,
                     int heads, int64_t entries, float weight) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= entries) return;
  const float* const window = summed + blockIdx.y * heads * entries;
  float sum = 0;
  for (int h = 0; h < heads; ++h) {
    if (chosen[blockIdx.y * heads + h] != 0) sum += window[h * entries + i];
  }
  out[blockIdx.y * entries + i] = from_f32<Out>(weight * sum);
}

}  // namespace

void choose_heads_cuda(const ChooseHeadsParams& p, CudaQueue queue) {
  check_params(p);
  if (p.batch * p.tokens == 0) return;
  SCLIP_CHECK(p.batch <= 65535, kUnsupported, "choose_heads: ", p.batch, " windows; a CUDA grid holds 65535");
  const int64_t rows = p.batch * p.heads * p.tokens, entries = p.tokens * p.tokens;
  const auto heads = static_cast<int>(p.heads), n = static_cast<int>(p.tokens);
  row_entropies_kernel<<<grid_size(ceil_div(rows, kWarpsPerBlock)), 32 * kWarpsPerBlock, 0, queue.stream>>>(
      p.maps, p.row_entropies, rows, n);
  choose_heads_kernel<<<grid_size(p.batch), kThreads, static_cast<size_t>(heads) * sizeof(float), queue.stream>>>(
      p.row_entropies, p.chosen, heads, n, static_cast<int>(p.count));
  const dim3 grid(grid_size(ceil_div(entries, kThreads)), static_cast<unsigned>(p.batch));
  with_element(p.out_dtype, [&](auto element) {
    using Out = decltype(element);
    sum_heads_kernel<<<grid, kThreads, 0, queue.stream>>>(p.summed != nullptr ? p.summed : p.maps, p.chosen,
                                                          static_cast<Out*>(p.out), heads, entries, p.weight);
  });
  check_launch("choose_heads", p.count, " of ", p.heads, " heads, ", p.batch, "×", p.tokens, " tokens");
}

}  // namespace sclip
