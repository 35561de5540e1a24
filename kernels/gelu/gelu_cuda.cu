// y = f(x + bias), f QuickGELU or GELU.
//
// Tiling     A thread takes 16 bytes of x (8 halves or 4 floats) of one row and the bias beneath them; the grid strides
//            over rows so that a thread keeps its columns and reads its bias once.
// Shared     none.
// Occupancy  256 threads, at most 40 registers: 6 blocks, 75 % of an SM.
// Limit      DRAM: every element is read and written once; the bias stays in cache.
#include <algorithm>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/gelu/gelu.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256;
constexpr int64_t kRowsPerBlock = 4;

template <GeluForm kForm>
__device__ __forceinline__ float activate(float z) {
  if constexpr (kForm == GeluForm::kQuick) {
    return __fdividef(z, 1.0f + __expf(-1.702f * z));  // −∞ in the exponent: z / ∞ = −0
  } else {
    return 0.5f * z * erfcf(-0.70710678f * z);
  }
}

template <typename T, GeluForm kForm>
__device__ __forceinline__ void activate_16_bytes(T* v, const float* bias) {
#pragma unroll
  for (int i = 0; i < static_cast<int>(16 / sizeof(T)); ++i)
    v[i] = from_f32<T>(activate<kForm>(to_f32(v[i]) + bias[i]));
}

template <typename T, GeluForm kForm>
__global__ void __launch_bounds__(kThreads)
    gelu_vector_kernel(const T* x, T* y, const float* __restrict__ bias, int64_t rows, int64_t cols) {
  constexpr int kElements = 16 / sizeof(T);
  const int64_t c = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kElements;
  if (c >= cols) return;
  float b[kElements];
#pragma unroll
  for (int i = 0; i < kElements; ++i) b[i] = bias != nullptr ? bias[c + i] : 0.0f;
  for (int64_t r = blockIdx.y; r < rows; r += gridDim.y) {
    alignas(16) T v[kElements];
    *reinterpret_cast<uint4*>(v) = *reinterpret_cast<const uint4*>(x + r * cols + c);
    activate_16_bytes<T, kForm>(v, b);
    *reinterpret_cast<uint4*>(y + r * cols + c) = *reinterpret_cast<const uint4*>(v);
  }
}

template <typename T, GeluForm kForm>
__global__ void __launch_bounds__(kThreads)
    gelu_scalar_kernel(const T* x, T* y, const float* __restrict__ bias, int64_t count, int64_t cols) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) y[i] = from_f32<T>(activate<kForm>(to_f32(x[i]) + (bias != nullptr ? bias[i % cols] : 0.0f)));
}

template <typename T, GeluForm kForm>
void launch(const GeluParams& p, CudaQueue queue) {
  const auto* x = static_cast<const T*>(p.x);
  auto* y = static_cast<T*>(p.y);
  const auto address = reinterpret_cast<uintptr_t>(p.x) | reinterpret_cast<uintptr_t>(p.y);
  constexpr int64_t kElements = 16 / sizeof(T);
  if (p.cols % kElements == 0 && address % 16 == 0) {
    const dim3 grid(grid_size(ceil_div(p.cols, kElements * kThreads)),
                    static_cast<unsigned>(std::min<int64_t>(ceil_div(p.rows, kRowsPerBlock), 65535)));
    gelu_vector_kernel<T, kForm><<<grid, kThreads, 0, queue>>>(x, y, p.bias, p.rows, p.cols);
  } else {
    const int64_t count = p.rows * p.cols;
    gelu_scalar_kernel<T, kForm>
        <<<grid_size(ceil_div(count, kThreads)), kThreads, 0, queue>>>(x, y, p.bias, count, p.cols);
  }
  check_launch("gelu", p.rows, " × ", p.cols);
}

}  // namespace

void gelu_cuda(const GeluParams& p, CudaQueue queue) {
  if (p.rows * p.cols == 0) return;
  with_element(p.dtype, [&](auto element) {
    using T = decltype(element);
    p.form == GeluForm::kQuick ? launch<T, GeluForm::kQuick>(p, queue) : launch<T, GeluForm::kErf>(p, queue);
  });
}

}  // namespace sclip
