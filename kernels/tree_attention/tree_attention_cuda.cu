// out = softmax(scale · q · K[path]ᵀ) · V[path], a node's path being itself and its ancestors.
//
// Tiling     A block is one node: its first thread walks up the trie once and leaves the path in shared memory for
//            all heads; then each warp takes a head, and the next one. A row of K or V of a head is read by kLanes
//            lanes, 16 bytes each, so that a warp reads 32 / kLanes ancestors at a time (d = 64: two in f32, four in
//            halves) in whole sectors, and the warps of a block, whose heads are neighbours in memory, read whole
//            rows. Every group of kLanes lanes keeps a running maximum, sum and output over its ancestors; they meet
//            at the end. f32 throughout.
// Shared     4 bytes per node of the longest path, at most 4 KiB.
// Occupancy  256 threads, at most 64 registers: 4 blocks, 32 warps of an SM. Rows without 16-byte vectors: 256 threads,
//            at most 72 registers: 3 blocks.
// Limit      Latency and L2. A path of 10 nodes is 10 dependent loads of `parent`, then 20 rows of K and V; siblings
//            share all but one of them, so that DRAM sees each row about once. Tensor cores would have little to
//            multiply: no two nodes of a level have the same set of keys.
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/tree_attention/tree_attention.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kMaxWarps = 8;

// kVec elements at once, as f32.
template <typename T, int kVec>
__device__ __forceinline__ void load(float (&x)[kVec], const T* from) {
  if constexpr (kVec == 1) {
    x[0] = to_f32(*from);
  } else {
    const uint4 v = __ldg(reinterpret_cast<const uint4*>(from));
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if constexpr (sizeof(T) == 4) {
        x[i] = __uint_as_float(words[i]);
      } else {
        const float2 pair = unpack<T>(words[i]);
        x[2 * i] = pair.x;
        x[2 * i + 1] = pair.y;
      }
    }
  }
}

template <typename T, int kVec>
__device__ __forceinline__ void store(T* to, const float (&x)[kVec]) {
  if constexpr (kVec == 1) {
    *to = from_f32<T>(x[0]);
  } else if constexpr (sizeof(T) == 4) {
    store_global(
        to, make_uint4(__float_as_uint(x[0]), __float_as_uint(x[1]), __float_as_uint(x[2]), __float_as_uint(x[3])));
  } else {
    store_global(to, make_uint4(pack<T>(x[0], x[1]), pack<T>(x[2], x[3]), pack<T>(x[4], x[5]), pack<T>(x[6], x[7])));
  }
}

template <typename T>
struct Args {
  const T* qkv;            // (M, 3, A, d)
  T* out;                  // (targets or M, A, d)
  const int32_t* parent;   // (M)
  const int32_t* targets;  // or null
  int64_t width;           // A · d
  int heads, head_dim, max_depth;
  float softmax_scale;
};

// kLanes lanes hold a row: kRounds times kVec elements each.
template <typename T, int kVec, int kLanes, int kRounds>
__global__ void __launch_bounds__(32 * kMaxWarps, kVec == 1 ? 3 : 4) tree_attention_kernel(const Args<T> p) {
  extern __shared__ int32_t path[];
  __shared__ int depth;
  const int node = p.targets != nullptr ? p.targets[blockIdx.x] : static_cast<int>(blockIdx.x);
  if (threadIdx.x == 0) {
    int n = 0;
    for (int32_t a = node; a >= 0 && n < p.max_depth; a = p.parent[a]) path[n++] = a;
    depth = n;
  }
  __syncthreads();

  const int lane = threadIdx.x % 32, group = lane / kLanes, member = lane % kLanes;
  constexpr int kGroups = 32 / kLanes;
  for (int head = threadIdx.x / 32; head < p.heads; head += blockDim.x / 32) {
    const T* const q_row = p.qkv + node * 3 * p.width + head * p.head_dim;
    const T* const k_rows = p.qkv + p.width + head * p.head_dim;
    float q[kRounds][kVec], o[kRounds][kVec];
#pragma unroll
    for (int i = 0; i < kRounds * kVec; ++i) q[i / kVec][i % kVec] = o[i / kVec][i % kVec] = 0;
#pragma unroll
    for (int i = 0; i < kRounds; ++i) {
      const int c = (i * kLanes + member) * kVec;
      if (c < p.head_dim) load<T, kVec>(q[i], q_row + c);
    }
    float largest = -INFINITY, sum = 0;
    // All groups take part in every step, because they shuffle; one beyond the end repeats the root and gives it no
    // weight.
    for (int first = 0; first < depth; first += kGroups) {
      const int j = first + group;
      const T* const k = k_rows + path[min(j, depth - 1)] * 3 * p.width;
      float v[kRounds][kVec], score = 0;
#pragma unroll
      for (int i = 0; i < kRounds; ++i) {
        const int c = (i * kLanes + member) * kVec;
        if (c < p.head_dim) {
          float x[kVec];
          load<T, kVec>(x, k + c);
          load<T, kVec>(v[i], k + p.width + c);
#pragma unroll
          for (int e = 0; e < kVec; ++e) score = fmaf(q[i][e], x[e], score);
        }
      }
#pragma unroll
      for (int offset = kLanes / 2; offset > 0; offset /= 2) score += __shfl_xor_sync(kFullWarp, score, offset);
      if (j < depth) {
        score *= p.softmax_scale;
        const float maximum = fmaxf(largest, score);
        const float factor = expf(largest - maximum), weight = expf(score - maximum);
        largest = maximum;
        sum = fmaf(sum, factor, weight);
#pragma unroll
        for (int i = 0; i < kRounds; ++i) {
          if ((i * kLanes + member) * kVec < p.head_dim) {
#pragma unroll
            for (int e = 0; e < kVec; ++e) o[i][e] = fmaf(weight, v[i][e], o[i][e] * factor);
          }
        }
      }
    }
    // Group 0 has the node itself, so the common maximum is finite and an empty group counts nothing.
    float maximum = largest;
#pragma unroll
    for (int offset = kLanes; offset < 32; offset *= 2) {
      maximum = fmaxf(maximum, __shfl_xor_sync(kFullWarp, maximum, offset));
    }
    const float factor = expf(largest - maximum);
    sum *= factor;
#pragma unroll
    for (int offset = kLanes; offset < 32; offset *= 2) sum += __shfl_xor_sync(kFullWarp, sum, offset);
    const float inverse = 1.0f / sum;
    T* const out = p.out + blockIdx.x * p.width + head * p.head_dim;
#pragma unroll
    for (int i = 0; i < kRounds; ++i) {
#pragma unroll
      for (int e = 0; e < kVec; ++e) {
        o[i][e] *= factor;
#pragma unroll
        for (int offset = kLanes; offset < 32; offset *= 2) o[i][e] += __shfl_xor_sync(kFullWarp, o[i][e], offset);
        o[i][e] *= inverse;
      }
      const int c = (i * kLanes + member) * kVec;
      if (group == 0 && c < p.head_dim) store<T, kVec>(out + c, o[i]);
    }
  }
}

template <typename T>
void launch(const TreeAttentionParams& p, int64_t count, CudaQueue queue) {
  const Args<T> args{.qkv = static_cast<const T*>(p.qkv),
                     .out = static_cast<T*>(p.out),
                     .parent = p.parent,
                     .targets = p.targets,
                     .width = p.heads * p.head_dim,
                     .heads = static_cast<int>(p.heads),
                     .head_dim = static_cast<int>(p.head_dim),
                     .max_depth = static_cast<int>(p.max_depth),
                     .softmax_scale = p.softmax_scale};
  const unsigned threads = 32 * static_cast<unsigned>(p.heads < kMaxWarps ? p.heads : kMaxWarps);
  const size_t shared = static_cast<size_t>(p.max_depth) * sizeof(int32_t);
  const auto run = [&](auto kernel) { kernel<<<grid_size(count), threads, shared, queue.stream>>>(args); };
  constexpr int kVec = 16 / sizeof(T);
  const bool vectors = p.head_dim % kVec == 0 && is_aligned(p.qkv, 16) && is_aligned(p.out, 16);
  if (!vectors) {
    run(tree_attention_kernel<T, 1, 32, 8>);  // lanes take elements, up to 256 of a row
  } else if (p.head_dim <= 8 * kVec) {
    run(tree_attention_kernel<T, kVec, 8, 1>);
  } else if (p.head_dim <= 16 * kVec) {
    run(tree_attention_kernel<T, kVec, 16, 1>);
  } else if (p.head_dim <= 32 * kVec) {
    run(tree_attention_kernel<T, kVec, 32, 1>);
  } else if constexpr (sizeof(T) == 4) {
    run(tree_attention_kernel<T, kVec, 32, 2>);  // f32 beyond 128 columns
  }
  check_launch("tree_attention", count, " of ", p.nodes, " nodes, paths of up to ", p.max_depth, ", ", p.heads,
               " heads of ", p.head_dim, ", ", to_string(p.dtype));
}

}  // namespace

void tree_attention_cuda(const TreeAttentionParams& p, CudaQueue queue) {
  check_params(p);
  const int64_t count = p.targets != nullptr ? p.targets_count : p.nodes;
  if (count == 0) return;
  with_element(p.dtype, [&](auto element) { launch<decltype(element)>(p, count, queue); });
}

}  // namespace sclip
