// Three kernels: the labels of patches, rows of V, and the bias, when the largest entry is known.
//
// Tiling     patch  a block is one patch: its labels in shared memory, and each thread counts how often its own occur.
//            row    a block is one row of V: a thread an entry follows its line, then smooths; the sum and the largest
//                   of the row are the block's.
//            bias   a block is one row; its threads walk along it.
// Shared     patch: P² words. row: 8·(h·w + taps) bytes. Doubles of neighbouring lanes: no bank conflicts.
// Occupancy  128 threads, at most 64 registers: 8 blocks, 50 % of an SM.
// Limit      row: lines of up to c_max cells, from L1; DRAM has 8 bytes an entry. bias: DRAM, 16 bytes an entry.
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/reciprocal.cuh"
#include "kernels/cuda/warp.cuh"
#include "kernels/label_affinity/label_affinity.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 128, kWarps = kThreads / 32;

struct Affinity {
  const uint16_t* labels;
  const float* omega;
  int32_t* patch_labels;
  double* affinity;
  double* largest;
  float* bias;
  int64_t height, width;
  int patch, grid_h, grid_w, taps;
  float lambda, scale;
};

__global__ void __launch_bounds__(kThreads) patch_label_kernel(const __grid_constant__ Affinity p) {
  extern __shared__ int32_t labels[];
  __shared__ int best[kWarps];
  const int n = p.grid_h * p.grid_w, count = p.patch * p.patch;
  const int64_t window = blockIdx.x / n;
  const int i = static_cast<int>(blockIdx.x % n);
  const uint16_t* from = p.labels + window * p.height * p.width +
                         static_cast<int64_t>(i / p.grid_w) * p.patch * p.width + i % p.grid_w * p.patch;
  for (int e = threadIdx.x; e < count; e += kThreads) labels[e] = from[e / p.patch * p.width + e % p.patch];
  __syncthreads();
  // How often, then the smallest label: at most 4096 times 2^16 and a label below that.
  int mine = 0;
  for (int e = threadIdx.x; e < count; e += kThreads) {
    int times = 0;
    for (int other = 0; other < count; ++other) times += labels[other] == labels[e] ? 1 : 0;
    mine = max(mine, times << 16 | (0xffff - labels[e]));
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) mine = max(mine, __shfl_xor_sync(kFullWarp, mine, offset));
  if (threadIdx.x % 32 == 0) best[threadIdx.x / 32] = mine;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int w = 1; w < kWarps; ++w) mine = max(mine, best[w]);
  p.patch_labels[blockIdx.x] = 0xffff - (mine & 0xffff);
}

// The cell of an axis at one point of the line.
__device__ __forceinline__ int cell(int start, int end, float t) {
  const float a = __fmul_rn(static_cast<float>(start), __fsub_rn(1.0f, t));
  return __float2int_rn(__fadd_rn(a, __fmul_rn(static_cast<float>(end), t)));
}

// As torch.linspace: from the nearer end, the upper half with one rounding.
__device__ __forceinline__ float point(int i, int points, float step) {
  if (points == 1) return 0;
  return i < points / 2 ? __fmul_rn(step, static_cast<float>(i))
                        : __fmaf_rn(-step, static_cast<float>(points - 1 - i), 1.0f);
}

// All threads get it. `parts` is the block's.
template <typename Combine>
__device__ __forceinline__ double reduce_block(double x, double* parts, Combine combine) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) x = combine(x, __shfl_xor_sync(kFullWarp, x, offset));
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  x = parts[0];
#pragma unroll
  for (int w = 1; w < kWarps; ++w) x = combine(x, parts[w]);
  return x;
}

__global__ void __launch_bounds__(kThreads) affinity_row_kernel(const __grid_constant__ Affinity p) {
  extern __shared__ double row[];  // taps, then the entries between margins of zeros
  __shared__ double parts[kWarps];
  const int n = p.grid_h * p.grid_w, points = max(p.grid_h, p.grid_w), margin = p.taps / 2;
  const int i = static_cast<int>(blockIdx.x % n), y0 = i / p.grid_w, x0 = i % p.grid_w;
  const int32_t* labels = p.patch_labels + static_cast<int64_t>(blockIdx.x / n) * n;
  const int32_t own = labels[i];
  const float step = points > 1 ? __fdiv_rn(1.0f, static_cast<float>(points - 1)) : 0.0f;
  const double per_cell = points > 1 ? reciprocal(static_cast<double>(points - 1)) : 0.0;
  double* taps = row;
  double* v = row + p.taps + margin;
  const auto sum_of = [](double a, double b) { return a + b; };
  const auto most_of = [](double a, double b) { return a > b ? a : b; };

  double tap = 0;
  if (static_cast<int>(threadIdx.x) < p.taps) {
    const double at = (static_cast<int>(threadIdx.x) - margin) * (1.0 / kAffinitySigma);
    tap = exp(-at * at / 2);
  }
  const double total = reduce_block(tap, parts, sum_of);
  if (static_cast<int>(threadIdx.x) < p.taps) taps[threadIdx.x] = tap * reciprocal(total);
  for (int j = threadIdx.x; j < margin; j += kThreads) v[-1 - j] = v[n + j] = 0;
  for (int j = threadIdx.x; j < n; j += kThreads) {
    const int y1 = j / p.grid_w, x1 = j % p.grid_w, c = max(abs(y0 - y1), abs(x0 - x1));
    double value = 0;
    if (labels[j] == own) {
      int s = 0;
      for (; s <= c; ++s) {
        const float t = point(s, points, step);
        if (labels[cell(y0, y1, t) * p.grid_w + cell(x0, x1, t)] != own) break;
      }
      value = s > c ? 1.0 : exp(-c * per_cell);
    }
    v[j] = value;
  }
  __syncthreads();
  double sum = 0, most = 0;
  double* out = p.affinity + static_cast<int64_t>(blockIdx.x) * n;
  for (int j = threadIdx.x; j < n; j += kThreads) {
    double smooth = 0;
    for (int k = 0; k < p.taps; ++k) smooth += taps[k] * v[j + k - margin];
    out[j] = smooth;
    sum += smooth;
    most = most_of(most, smooth);
  }
  const double scale = reciprocal(reduce_block(sum, parts, sum_of) + 1e-8);
  most = reduce_block(most, parts, most_of);
  for (int j = threadIdx.x; j < n; j += kThreads) out[j] *= scale;
  if (threadIdx.x == 0) p.largest[blockIdx.x] = most * scale;
}

__global__ void __launch_bounds__(kThreads) affinity_bias_kernel(const __grid_constant__ Affinity p) {
  __shared__ double parts[kWarps];
  const int n = p.grid_h * p.grid_w, tokens = n + 1;
  const int64_t window = blockIdx.x / tokens;
  const int i = static_cast<int>(blockIdx.x % tokens);
  double most = 0;
  for (int j = threadIdx.x; j < n; j += kThreads) most = fmax(most, p.largest[window * n + j]);
  most = reduce_block(most, parts, [](double a, double b) { return a > b ? a : b; });
  const float* omega = p.omega != nullptr ? p.omega + static_cast<int64_t>(i) * tokens : nullptr;
  float* bias = p.bias + static_cast<int64_t>(blockIdx.x) * tokens;
  for (int j = threadIdx.x; j < tokens; j += kThreads) {
    float score = 0;
    if (i > 0 && j > 0) {
      const double v = p.affinity[(window * n + i - 1) * n + j - 1] / most;
      const float unit = to_f32(from_f32<F16>(static_cast<float>(v)));
      score = p.scale * to_f32(from_f32<F16>(p.lambda * unit));
    }
    bias[j] = score + (omega != nullptr ? omega[j] : 0.0f);
  }
}

}  // namespace

void label_affinity_cuda(const LabelAffinityParams& params, CudaQueue queue) {
  check_params(params);
  if (params.batch == 0) return;
  const int64_t n = params.grid_h * params.grid_w, taps = affinity_taps(n);
  const Affinity p{.labels = params.labels,
                   .omega = params.omega,
                   .patch_labels = params.patch_labels,
                   .affinity = params.affinity,
                   .largest = params.largest,
                   .bias = params.bias,
                   .height = params.height,
                   .width = params.width,
                   .patch = static_cast<int>(params.patch),
                   .grid_h = static_cast<int>(params.grid_h),
                   .grid_w = static_cast<int>(params.grid_w),
                   .taps = static_cast<int>(taps),
                   .lambda = params.lambda,
                   .scale = params.scale};
  const auto patch_bytes = static_cast<size_t>(params.patch * params.patch) * sizeof(int32_t);
  const auto row_bytes = static_cast<size_t>(n + taps + 2 * (taps / 2)) * sizeof(double);
  allow_shared_memory(affinity_row_kernel, row_bytes + 256, queue);
  patch_label_kernel<<<grid_size(params.batch * n), kThreads, patch_bytes, queue.stream>>>(p);
  affinity_row_kernel<<<grid_size(params.batch * n), kThreads, row_bytes, queue.stream>>>(p);
  affinity_bias_kernel<<<grid_size(params.batch * (n + 1)), kThreads, 0, queue.stream>>>(p);
  check_launch("label_affinity", params.batch, " windows of ", params.grid_h, "×", params.grid_w, " patches of ",
               params.patch);
}

}  // namespace sclip
