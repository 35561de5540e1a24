// out[m] = Σ over m and its ancestors j of softmax(scale · q[m]·k[j]) · v[j], a head at a time.
//
// Tiling     A block is a node, a warp takes heads one after the other. The path to the root is walked once a block
//            and kept. Scores: a lane is an ancestor and multiplies whole rows, so that 32 scores need no shuffle.
//            Values: a lane is a column, so that every row of V is one coalesced read with its weight broadcast.
// Shared     path, and for each warp its q and its scores: (max_depth + warps · (d + max_depth)) · 4 bytes, 4.8 KiB
//            for 77 tokens and d = 64. Broadcasts and neighbours only: no bank conflicts.
// Occupancy  256 threads, at most 64 registers: 4 blocks, 50 % of an SM.
// Limit      L2: a node reads its ancestors' K and V, which siblings read too; from DRAM each comes once. The walk up
//            is a chain of dependent loads, hidden by other blocks. Tensor cores would find no tile: neighbours in the
//            trie share most ancestors, but not the last.
#include <algorithm>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/tree_attention/tree_attention.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarps = 8;

template <typename T>
struct Problem {
  const T* qkv;  // (M, 3, A, d)
  T* out;
  const int32_t* parent;
  const int32_t* targets;
  int heads, head_dim, max_depth;
  float scale;
};

template <typename T>
__device__ __forceinline__ float4 load_4(const T* from) {
  if constexpr (sizeof(T) == 4) {
    return *reinterpret_cast<const float4*>(from);
  } else {
    const uint2 v = *reinterpret_cast<const uint2*>(from);
    const float2 low = unpack<T>(v.x), high = unpack<T>(v.y);
    return make_float4(low.x, low.y, high.x, high.y);
  }
}

// Rows of q, k, v are aligned to 4 elements.
template <typename T>
__global__ void __launch_bounds__(32 * kWarps) tree_attention_kernel(Problem<T> p) {
  extern __shared__ float shared[];
  __shared__ int length_of_path;
  auto* path = reinterpret_cast<int*>(shared);  // from the node up
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int padded = (p.max_depth + 3) / 4 * 4;
  float* q = shared + padded + warp * (p.head_dim + padded);
  float* scores = q + p.head_dim;
  const int64_t row = static_cast<int64_t>(3) * p.heads * p.head_dim;

  if (threadIdx.x == 0) {
    int n = 0;
    for (int at = p.targets != nullptr ? p.targets[blockIdx.x] : static_cast<int>(blockIdx.x);
         at >= 0 && n < p.max_depth; at = p.parent[at]) {
      path[n++] = at;
    }
    length_of_path = n;
  }
  __syncthreads();
  const int n = length_of_path;

  for (int head = warp; head < p.heads; head += kWarps) {
    const T* own = p.qkv + path[0] * row + head * p.head_dim;
    for (int c = lane; c < p.head_dim; c += 32) q[c] = to_f32(own[c]) * p.scale;
    __syncwarp();

    const T* keys = p.qkv + (p.heads + head) * p.head_dim;
    float largest = -INFINITY;
    for (int j = lane; j < n; j += 32) {
      const T* key = keys + path[j] * row;
      float sum = 0;
      for (int c = 0; c < p.head_dim; c += 4) {
        const float4 a = *reinterpret_cast<const float4*>(q + c);
        const float4 b = load_4(key + c);
        sum = fmaf(a.x, b.x, sum);
        sum = fmaf(a.y, b.y, sum);
        sum = fmaf(a.z, b.z, sum);
        sum = fmaf(a.w, b.w, sum);
      }
      scores[j] = sum;
      largest = fmaxf(largest, sum);
    }
    largest = warp_max(largest);
    float total = 0;
    for (int j = lane; j < n; j += 32) {
      const float weight = expf(scores[j] - largest);
      scores[j] = weight;
      total += weight;
    }
    const float inverse = 1.0f / warp_sum(total);
    __syncwarp();

    const T* values = p.qkv + (2 * p.heads + head) * p.head_dim;
    T* out = p.out + (static_cast<int64_t>(blockIdx.x) * p.heads + head) * p.head_dim;
    for (int c = lane; c < p.head_dim; c += 32) {
      float sum = 0;
#pragma unroll 4
      for (int j = 0; j < n; ++j) sum = fmaf(scores[j], to_f32(values[path[j] * row + c]), sum);
      out[c] = from_f32<T>(sum * inverse);
    }
    __syncwarp();
  }
}

}  // namespace

void tree_attention_cuda(const TreeAttentionParams& p, CudaQueue queue) {
  const int64_t rows = p.targets != nullptr ? p.targets_count : p.nodes;
  if (rows == 0) return;
  SCLIP_CHECK(p.head_dim % 4 == 0 && p.head_dim > 0 && p.head_dim <= 256, kInvalidArgument,
              "tree_attention takes heads of a multiple of 4 up to 256 columns, not ", p.head_dim);
  SCLIP_CHECK(p.max_depth > 0 && p.max_depth <= 1024, kInvalidArgument,
              "tree_attention takes paths of up to 1024 nodes, not ", p.max_depth);
  const int64_t padded = ceil_div(p.max_depth, 4) * 4;
  const auto shared = static_cast<size_t>(padded + kWarps * (p.head_dim + padded)) * sizeof(float);
  with_element(p.dtype, [&](auto element) {
    using T = decltype(element);
    allow_shared_memory(tree_attention_kernel<T>, shared);
    tree_attention_kernel<T>
        <<<grid_size(rows), 32 * kWarps, shared, queue>>>({.qkv = static_cast<const T*>(p.qkv),
                                                           .out = static_cast<T*>(p.out),
                                                           .parent = p.parent,
                                                           .targets = p.targets,
                                                           .heads = static_cast<int>(p.heads),
                                                           .head_dim = static_cast<int>(p.head_dim),
                                                           .max_depth = static_cast<int>(p.max_depth),
                                                           .scale = p.softmax_scale});
  });
  check_launch("tree_attention", rows, " of ", p.nodes, " nodes, ", p.heads, " heads of ", p.head_dim);
}

}  // namespace sclip
