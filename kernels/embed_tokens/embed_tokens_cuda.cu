// out[m] = token_table[tokens[m]] + position_table[positions[m]].
//
// Tiling     One block a token; its threads walk along the row, so that every access is coalesced.
// Shared     none.
// Occupancy  128 threads, at most 40 registers: 12 blocks, 75 % of an SM.
// Limit      DRAM: 4·C bytes written a token; the tables' rows mostly come from L2, since prompts repeat words.
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/embed_tokens/embed_tokens.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 128;

template <typename T>
__global__ void __launch_bounds__(kThreads)
    embed_tokens_kernel(const int32_t* __restrict__ tokens, const int32_t* __restrict__ positions,
                        const T* __restrict__ token_table, const float* __restrict__ position_table,
                        float* __restrict__ out, int64_t width) {
  const int64_t m = blockIdx.x;
  const T* token = token_table + tokens[m] * width;
  const float* position = position_table + positions[m] * width;
  for (int64_t c = threadIdx.x; c < width; c += kThreads) out[m * width + c] = to_f32(token[c]) + position[c];
}

}  // namespace

void embed_tokens_cuda(const EmbedTokensParams& p, CudaQueue queue) {
  check_params(p);
  if (p.count == 0) return;
  with_element(p.table_dtype, [&](auto element) {
    using T = decltype(element);
    embed_tokens_kernel<T><<<grid_size(p.count), kThreads, 0, queue.stream>>>(
        p.tokens, p.positions, static_cast<const T*>(p.token_table), p.position_table, p.out, p.width);
  });
  check_launch("embed_tokens", p.count, " tokens of ", p.width);
}

}  // namespace sclip
