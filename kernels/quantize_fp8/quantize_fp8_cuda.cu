// codes = e4m3(x · 448 / max |x|) and the scale max |x| / 448, one warp a row.
//
// Tiling     A warp holds its whole row in registers (VEC pieces of 8 halves a lane: up to 256·VEC columns), so that it
//            is read once for the maximum and for the codes. A block is 4 rows. Rows over 4096 columns take the loop
//            kernel, which reads the row a second time, from L1 or L2.
// Shared     none; the maximum is five shuffles.
// Occupancy  128 threads, at most 96 registers (VEC = 16): 5 blocks, 31 % of an SM, each lane with 16 loads of 16 bytes
//            under way. For 768 columns (VEC = 4) at most 48: 10 blocks, 62 %.
// Limit      DRAM: 2 bytes read and 1 written per element, and 4 a row: 3.01 bytes an element of 768 columns. The
//            conversion is integer arithmetic that every architecture has, 28 of PTX's instructions an element, which
//            take an H100 as long as the bytes do.
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"
#include "kernels/quantize_fp8/quantize_fp8.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kWarpsPerBlock = 4;

// The largest magnitudes of two columns each, in halves: their widened values would be held until the codes are made.
// What is no number is passed over.
__device__ __forceinline__ __nv_bfloat162 larger(__nv_bfloat162 largest, uint4 v) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const uint32_t word = i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
    largest = __hmax2(largest, __habs2(*reinterpret_cast<const __nv_bfloat162*>(&word)));
  }
  return largest;
}
__device__ __forceinline__ float largest_of_row(__nv_bfloat162 largest) {
  return warp_max(fmaxf(__low2float(largest), __high2float(largest)));
}

// Four codes of four halves, the first in the lowest byte.
__device__ __forceinline__ uint32_t codes_of(uint32_t low, uint32_t high, float factor) {
  const float2 a = unpack<BF16>(low), b = unpack<BF16>(high);
  return e4m3_bits(a.x * factor) | e4m3_bits(a.y * factor) << 8 | e4m3_bits(b.x * factor) << 16 |
         e4m3_bits(b.y * factor) << 24;
}

__device__ __forceinline__ void store_codes(uint8_t* to, uint4 v, float factor) {
  store_global(to, make_uint2(codes_of(v.x, v.y, factor), codes_of(v.z, v.w, factor)));
}

// kVec: pieces of 8 columns a lane holds.
template <int kVec>
__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    quantize_fp8_row_kernel(const BF16* __restrict__ x, uint8_t* __restrict__ codes, float* __restrict__ scales,
                            int64_t rows, int cols) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (row >= rows) return;
  const int lane = threadIdx.x % 32;
  const BF16* from = x + row * cols;
  uint8_t* to = codes + row * cols;

  uint4 v[kVec];
#pragma unroll
  for (int i = 0; i < kVec; ++i) {
    const int c = (i * 32 + lane) * 8;
    v[i] = c < cols ? *reinterpret_cast<const uint4*>(from + c) : make_uint4(0, 0, 0, 0);
  }
  __nv_bfloat162 pair = __floats2bfloat162_rn(0, 0);
#pragma unroll
  for (int i = 0; i < kVec; ++i) pair = larger(pair, v[i]);
  const float largest = largest_of_row(pair);
  if (lane == 0) scales[row] = e4m3_scale(largest);
  const float factor = e4m3_factor(largest);
#pragma unroll
  for (int i = 0; i < kVec; ++i) {
    const int c = (i * 32 + lane) * 8;
    if (c < cols) store_codes(to + c, v[i], factor);
  }
}

// Any number of columns.
__global__ void __launch_bounds__(32 * kWarpsPerBlock)
    quantize_fp8_loop_kernel(const BF16* __restrict__ x, uint8_t* __restrict__ codes, float* __restrict__ scales,
                             int64_t rows, int64_t cols) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarpsPerBlock + threadIdx.x / 32;
  if (row >= rows) return;
  const int lane = threadIdx.x % 32;
  const BF16* from = x + row * cols;
  __nv_bfloat162 pair = __floats2bfloat162_rn(0, 0);
  for (int64_t c = lane * 8; c < cols; c += 256) pair = larger(pair, *reinterpret_cast<const uint4*>(from + c));
  const float largest = largest_of_row(pair);
  if (lane == 0) scales[row] = e4m3_scale(largest);
  const float factor = e4m3_factor(largest);
  for (int64_t c = lane * 8; c < cols; c += 256) {
    store_codes(codes + row * cols + c, *reinterpret_cast<const uint4*>(from + c), factor);
  }
}

}  // namespace

void quantize_fp8_cuda(const QuantizeFp8Params& p, CudaQueue queue) {
  check_params(p);
  if (p.rows == 0) return;
  const auto* x = static_cast<const BF16*>(p.x);
  auto* codes = static_cast<uint8_t*>(p.codes);
  const unsigned blocks = grid_size(ceil_div(p.rows, kWarpsPerBlock));
  const auto row_kernel = [&](auto kernel) {
    kernel<<<blocks, 32 * kWarpsPerBlock, 0, queue.stream>>>(x, codes, p.scales, p.rows, static_cast<int>(p.cols));
  };
  const int64_t vec = ceil_div(p.cols, 256);
  if (vec <= 4) {
    row_kernel(quantize_fp8_row_kernel<4>);
  } else if (vec <= 12) {
    row_kernel(quantize_fp8_row_kernel<12>);
  } else if (vec <= 16) {
    row_kernel(quantize_fp8_row_kernel<16>);
  } else {
    quantize_fp8_loop_kernel<<<blocks, 32 * kWarpsPerBlock, 0, queue.stream>>>(x, codes, p.scales, p.rows, p.cols);
  }
  check_launch("quantize_fp8", p.rows, " × ", p.cols);
}

}  // namespace sclip
