// y = f(x + bias), f QuickGELU or GELU.
//
// Tiling     A thread takes 16 bytes of x (8 halves or 4 floats) of one row and the bias beneath them; the grid strides
//            over rows so that a thread keeps its columns and reads its bias once.
// Shared     none.
// Occupancy  256 threads, at most 56 registers (erf on f32): 4 blocks, 50 % of an SM; the others have 6, 75 %.
// Limit      DRAM: every element is read and written once; the bias stays in cache.
#include <algorithm>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/gelu/gelu.h"
#include "kernels/gelu/gelu_value.cuh"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256;
constexpr int64_t kRowsPerBlock = 4;

// 4 bytes of x: one float or two halves.
template <typename T, GeluForm kForm>
__device__ __forceinline__ uint32_t activate_word(uint32_t word, const float* bias) {
  if constexpr (sizeof(T) == 4) {
    return __float_as_uint(activate<kForm>(__uint_as_float(word) + bias[0]));
  } else {
    const float2 v = unpack<T>(word);
    return pack<T>(activate<kForm>(v.x + bias[0]), activate<kForm>(v.y + bias[1]));
  }
}

template <typename T, GeluForm kForm>
__global__ void __launch_bounds__(kThreads)
    gelu_vector_kernel(const T* x, T* y, const float* __restrict__ bias, int64_t rows, int64_t cols) {
  constexpr int kElements = 16 / sizeof(T), kPerWord = kElements / 4;
  const int64_t c = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kElements;
  if (c >= cols) return;
  float b[kElements] = {};
  if (bias != nullptr) {
#pragma unroll
    for (int i = 0; i < kElements; i += 4) {
      const float4 v = *reinterpret_cast<const float4*>(bias + c + i);
      b[i] = v.x, b[i + 1] = v.y, b[i + 2] = v.z, b[i + 3] = v.w;
    }
  }
  for (int64_t r = blockIdx.y; r < rows; r += gridDim.y) {
    const uint4 v = *reinterpret_cast<const uint4*>(x + r * cols + c);
    store_global(
        y + r * cols + c,
        make_uint4(activate_word<T, kForm>(v.x, b), activate_word<T, kForm>(v.y, b + kPerWord),
                   activate_word<T, kForm>(v.z, b + 2 * kPerWord), activate_word<T, kForm>(v.w, b + 3 * kPerWord)));
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
  constexpr int64_t kElements = 16 / sizeof(T);
  if (p.cols % kElements == 0 && is_aligned(x, 16) && is_aligned(y, 16) && is_aligned(p.bias, 16)) {
    const dim3 grid(grid_size(ceil_div(p.cols, kElements * kThreads)),
                    static_cast<unsigned>(std::min<int64_t>(ceil_div(p.rows, kRowsPerBlock), 65535)));
    gelu_vector_kernel<T, kForm><<<grid, kThreads, 0, queue.stream>>>(x, y, p.bias, p.rows, p.cols);
  } else {
    const int64_t count = p.rows * p.cols;
    gelu_scalar_kernel<T, kForm>
        <<<grid_size(ceil_div(count, kThreads)), kThreads, 0, queue.stream>>>(x, y, p.bias, count, p.cols);
  }
  check_launch("gelu", p.rows, " × ", p.cols);
}

}  // namespace

void gelu_cuda(const GeluParams& p, CudaQueue queue) {
  check_params(p);
  if (p.rows * p.cols == 0) return;
  with_element(p.dtype, [&](auto element) {
    using T = decltype(element);
    p.form == GeluForm::kQuick ? launch<T, GeluForm::kQuick>(p, queue) : launch<T, GeluForm::kErf>(p, queue);
  });
}

}  // namespace sclip
