// y = epilogue(x · Wᵀ + bias) with Hopper's warpgroup products.
//
// Tiling     A block computes tiles of 128 × kCols, one after the other. Warpgroup 0 copies: one of its threads has the
//            copy engine fetch 128×64 of x and kCols×64 of W per step of k, kStages steps ahead, across tiles too.
//            Warpgroups 1 and 2 multiply: 64 rows each, 64×kCols×16 per instruction, both operands from shared memory.
//            Tiles of one row panel follow each other, so that x leaves DRAM once and W stays in L2.
// Epilogue   In registers: bias, QuickGELU, rounding. Then 64×128 bytes at a time into two small buffers of the
//            warpgroup, from where the copy engine writes them while the next tile is multiplied. A residual is added
//            by the L2 cache, one addition an element, so that y is not read by the multiprocessor. σ needs 2^z and a
//            reciprocal; two elements share one reciprocal: 1/a = b · 1/(ab).
// Shared     kStages × (16 KiB + kCols × 128 B) + 32 KiB: 224, 192 and 224 KiB for 256, 192 and 128 columns, and 1 KiB
//            to align them; in the copy engine's 128-byte swizzle: no bank conflicts.
// Occupancy  384 threads, at most 168 registers: 1 block. The copying warpgroup gives its registers to the multiplying
//            ones, which leaves 24 and makes 240.
// Limit      Tensor products; a tile's epilogue, in which its multiprocessor does not multiply, comes on top.
#include <cuda.h>
#include <cuda_runtime.h>

#include <algorithm>

#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/exp2.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/gemm_fused/gemm_hopper.h"
#include "kernels/gemm_fused/hopper.cuh"

namespace sclip {
namespace {

using namespace cuda;
namespace h = cuda::hopper;

constexpr int kRows = 128;     // of a tile
constexpr int kDepth = 64;     // of a step along k: 128 bytes
constexpr int kConsumers = 2;  // warpgroups that multiply
constexpr int kThreads = 128 * (1 + kConsumers);
constexpr int kChunkBytes = 64 * 128;  // what one store of a warpgroup takes

struct Maps {
  CUtensorMap x, weight, y;
};

template <int kCols>
constexpr int kStages = kCols == 128 ? 6 : 4;
template <int kCols>
constexpr int kStageBytes = (kRows + kCols) * kDepth * 2;
template <int kCols>
constexpr int kShared =
    1024 + kStages<kCols>* kStageBytes<kCols> + kConsumers * 2 * kChunkBytes + 2 * kStages<kCols> * 8;

// z · σ(1.702 z) of two values. 2^60 is where σ is as good as 0.
__device__ __forceinline__ void quick_gelu(float& x, float& y) {
  constexpr float kFactor = -1.702f * 1.44269504f;
  const float a = 1.0f + exp2_approx(fminf(kFactor * x, 60.0f));
  const float b = 1.0f + exp2_approx(fminf(kFactor * y, 60.0f));
  const float r = __fdividef(1.0f, a * b);
  x *= b * r;
  y *= a * r;
}

// Columns 2t and 2t + 1 of the fragment's block of eight.
struct Pair {
  float2 upper, lower;  // rows g and g + 8
};

template <typename T, typename Out, int kCols, GemmEpilogue kEpilogue>
class Tile {
 public:
  __device__ Tile(const Maps& maps, const float* bias, int outputs, uint32_t staging, int warpgroup)
      : maps_(maps), bias_(bias), outputs_(outputs), staging_(staging), barrier_(1 + warpgroup) {}

  // Writes d to rows row … row + 63, columns column … column + kCols − 1.
  __device__ __forceinline__ void store(float (&d)[kCols / 2], int row, int column) {
    constexpr int kChunkCols = 128 / sizeof(Out), kBlocks = kChunkCols / 8;
    const int thread = threadIdx.x % 128, lane = thread % 32, g = lane / 4, t = lane % 4;
    const int local = thread / 32 * 16 + g;  // and local + 8; both ≡ g (mod 8)
#pragma unroll
    for (int chunk = 0; chunk < kCols / kChunkCols; ++chunk) {
      float2 bias[kBlocks];
#pragma unroll
      for (int j = 0; j < kBlocks; ++j) bias[j] = bias_at(column + chunk * kChunkCols + 8 * j + 2 * t);
      const uint32_t buffer = staging_ + turn_ * kChunkBytes;
      turn_ ^= 1;
      if (thread == 0) h::store_wait_read<1>();
      h::warpgroup_sync(barrier_);
#pragma unroll
      for (int j = 0; j < kBlocks; ++j) {
        Pair v = finish(d, (chunk * kBlocks + j) * 4, bias[j]);
        if constexpr (sizeof(Out) == 2) {
          const uint32_t at = buffer + local * 128 + ((j ^ g) * 16) + t * 4;
          put(at, pack<T>(v.upper.x, v.upper.y));
          put(at + 8 * 128, pack<T>(v.lower.x, v.lower.y));
        } else {
          // Odd rows take the blocks in another order, so that the rows of a half-warp use different banks.
          const int other = j ^ 2;
          const Pair w = finish(d, (chunk * kBlocks + other) * 4, bias[other]);
          const bool odd = g % 2 != 0;
          const int unit = 2 * (odd ? other : j) + t / 2;
          const uint32_t at = buffer + local * 128 + ((unit ^ g) * 16) + t % 2 * 8;
          put(at, odd ? w.upper.x : v.upper.x, odd ? w.upper.y : v.upper.y);
          put(at + 8 * 128, odd ? w.lower.x : v.lower.x, odd ? w.lower.y : v.lower.y);
        }
      }
      h::async_proxy_fence();
      h::warpgroup_sync(barrier_);
      if (thread == 0) {
        const int at = column + chunk * kChunkCols;
        if constexpr (kEpilogue == GemmEpilogue::kResidual) {
          h::tensor_add(maps_.y, buffer, at, row);
        } else {
          h::tensor_store(maps_.y, buffer, at, row);
        }
        h::store_commit();
      }
    }
  }

 private:
  static __device__ __forceinline__ void put(uint32_t shared, uint32_t word) {
    asm volatile("st.shared.b32 [%0], %1;" ::"r"(shared), "r"(word) : "memory");
  }
  static __device__ __forceinline__ void put(uint32_t shared, float x, float y) {
    asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(shared), "f"(x), "f"(y) : "memory");
  }
  __device__ __forceinline__ float2 bias_at(int column) const {
    if (bias_ == nullptr || column >= outputs_) return make_float2(0, 0);
    return __ldg(reinterpret_cast<const float2*>(bias_ + column));
  }
  static __device__ __forceinline__ Pair finish(const float (&d)[kCols / 2], int i, float2 bias) {
    Pair v{{d[i] + bias.x, d[i + 1] + bias.y}, {d[i + 2] + bias.x, d[i + 3] + bias.y}};
    if constexpr (kEpilogue == GemmEpilogue::kQuickGelu) {
      quick_gelu(v.upper.x, v.upper.y);
      quick_gelu(v.lower.x, v.lower.y);
    }
    return v;
  }

  const Maps& maps_;
  const float* bias_;
  int outputs_;
  uint32_t staging_;
  int barrier_;
  uint32_t turn_ = 0;  // which of the two buffers is next, across tiles
};

template <typename T, typename Out, int kCols, GemmEpilogue kEpilogue>
__global__ void __launch_bounds__(kThreads, 1)
    gemm_hopper_kernel(const __grid_constant__ Maps maps, const float* __restrict__ bias, int rows, int inputs,
                       int outputs) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  constexpr int stages = kStages<kCols>;
  extern __shared__ uint8_t memory[];
  const uint32_t base = (shared_address(memory) + 1023) / 1024 * 1024;
  const uint32_t staging = base + stages * kStageBytes<kCols>;
  const uint32_t full = staging + kConsumers * 2 * kChunkBytes, empty = full + stages * 8;
  const int warpgroup = static_cast<int>(threadIdx.x) / 128;

  if (threadIdx.x == 0) {
    h::prefetch_map(maps.x);
    h::prefetch_map(maps.weight);
    h::prefetch_map(maps.y);
    for (int i = 0; i < stages; ++i) {
      h::barrier_init(full + i * 8, 1);
      h::barrier_init(empty + i * 8, 4 * kConsumers);
    }
    h::barrier_init_fence();
  }
  __syncthreads();

  const int across = (outputs + kCols - 1) / kCols;
  const int tiles = (rows + kRows - 1) / kRows * across;
  const int steps = (inputs + kDepth - 1) / kDepth;
  int stage = 0;
  uint32_t phase = 0;
  const auto advance = [&] {
    if (++stage == stages) stage = 0, phase ^= 1;
  };

  if (warpgroup == 0) {
    h::give_registers<24>();
    if (threadIdx.x == 0) {
      for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
        const int row = tile / across * kRows, column = tile % across * kCols;
        for (int step = 0; step < steps; ++step, advance()) {
          const uint32_t to = base + stage * kStageBytes<kCols>, barrier = full + stage * 8;
          h::barrier_wait(empty + stage * 8, phase ^ 1);
          h::barrier_arrive_expecting(barrier, kStageBytes<kCols>);
          h::tensor_load(to, maps.x, step * kDepth, row, barrier);
          h::tensor_load(to + kRows * kDepth * 2, maps.weight, step * kDepth, column, barrier);
        }
      }
    }
  } else {
    h::take_registers<240>();
    const int consumer = warpgroup - 1;
    const bool leads = threadIdx.x % 32 == 0;
    Tile<T, Out, kCols, kEpilogue> out(maps, bias, outputs, staging + consumer * 2 * kChunkBytes, consumer);
    float d[kCols / 2];
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
      const int row = tile / across * kRows, column = tile % across * kCols;
      int before = stage;
      for (int step = 0; step < steps; ++step, advance()) {
        const uint32_t from = base + stage * kStageBytes<kCols>;
        const uint64_t a = h::operand(from + consumer * 64 * kDepth * 2), b = h::operand(from + kRows * kDepth * 2);
        h::barrier_wait(full + stage * 8, phase);
        h::wgmma_fence();
#pragma unroll
        for (int k = 0; k < kDepth / 16; ++k) {
          h::Wgmma<T, kCols>::run(d, a + 2 * k, b + 2 * k, step > 0 || k > 0);
        }
        h::wgmma_commit();
        // The step before has been multiplied once only this one is under way.
        h::wgmma_wait<1>();
        if (step > 0 && leads) h::barrier_arrive(empty + before * 8);
        before = stage;
      }
      h::wgmma_wait<0>();
      h::wgmma_results(d);
      if (leads) h::barrier_arrive(empty + before * 8);
      out.store(d, row + consumer * 64, column);
    }
    if (threadIdx.x % 128 == 0) h::store_wait_read<0>();
  }
#endif
}

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
                            const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                            CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

// The driver's function: there is no other way to make a map, and the driver is not linked.
Encode find_encode() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found);
  SCLIP_CHECK(error == cudaSuccess && found == cudaDriverEntryPointSuccess && function != nullptr, kUnsupported,
              "the CUDA driver lacks cuTensorMapEncodeTiled: Hopper's kernels need driver 525 or newer");
  return reinterpret_cast<Encode>(function);
}

CUtensorMapDataType map_type(DType dtype) {
  switch (dtype) {
    case DType::kF16: return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    case DType::kBF16: return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    default: return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  }
}

// A matrix (rows, cols), read or written in boxes of 128 bytes × box_rows.
CUtensorMap make_map(const void* data, DType dtype, int64_t rows, int64_t cols, int64_t stride, int box_rows) {
  static const Encode encode = find_encode();
  const auto element = static_cast<cuuint64_t>(size_of(dtype));
  const cuuint64_t extents[] = {static_cast<cuuint64_t>(cols), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[] = {static_cast<cuuint64_t>(stride) * element};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(128 / element), static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t steps[] = {1, 1};
  CUtensorMap map;
  const CUresult result = encode(&map, map_type(dtype), 2, const_cast<void*>(data), extents, strides, box, steps,
                                 CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                                 CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  SCLIP_CHECK(result == CUDA_SUCCESS, kDevice, "CUDA refused the map of a matrix of ", rows, " × ", cols, " ",
              to_string(dtype), ", rows ", stride, " apart (error ", static_cast<int>(result), ")");
  return map;
}

template <typename T, typename Out, int kCols, GemmEpilogue kEpilogue>
void launch(const GemmFusedParams& p, const CudaQueue& queue) {
  const Maps maps{make_map(p.x, p.dtype, p.rows, p.inputs, p.inputs, kRows),
                  make_map(p.weight, p.dtype, p.outputs, p.inputs, p.weight_stride, kCols),
                  make_map(p.y, p.output, p.rows, p.outputs, p.outputs, 64)};
  auto* kernel = gemm_hopper_kernel<T, Out, kCols, kEpilogue>;
  allow_shared_memory(kernel, kShared<kCols>, queue);
  const int64_t tiles = ceil_div(p.rows, kRows) * ceil_div(p.outputs, kCols);
  const auto blocks = static_cast<unsigned>(std::min<int64_t>(tiles, queue.multiprocessors));
  kernel<<<blocks, kThreads, kShared<kCols>, queue.stream>>>(maps, p.bias, static_cast<int>(p.rows),
                                                             static_cast<int>(p.inputs), static_cast<int>(p.outputs));
  check_launch("gemm_hopper", p.rows, " rows, ", p.inputs, " → ", p.outputs);
}

template <typename T, int kCols>
void launch(const GemmFusedParams& p, const CudaQueue& queue) {
  if (p.epilogue == GemmEpilogue::kResidual) return launch<T, float, kCols, GemmEpilogue::kResidual>(p, queue);
  if (p.epilogue == GemmEpilogue::kQuickGelu) return launch<T, T, kCols, GemmEpilogue::kQuickGelu>(p, queue);
  if (p.output == DType::kF32) return launch<T, float, kCols, GemmEpilogue::kNone>(p, queue);
  launch<T, T, kCols, GemmEpilogue::kNone>(p, queue);
}

template <typename T>
void launch(const GemmFusedParams& p, HopperTile tile, const CudaQueue& queue) {
  switch (tile) {
    case HopperTile::k128x128: return launch<T, 128>(p, queue);
    case HopperTile::k128x192: return launch<T, 192>(p, queue);
    case HopperTile::k128x256: return launch<T, 256>(p, queue);
  }
}

}  // namespace

bool gemm_hopper_serves(const GemmFusedParams& p, const CudaQueue& queue) {
  const bool epilogue = p.epilogue == GemmEpilogue::kResidual    ? p.output == DType::kF32
                        : p.epilogue == GemmEpilogue::kQuickGelu ? p.output == p.dtype
                                                                 : p.epilogue == GemmEpilogue::kNone;
  return queue.architecture == 90 && epilogue && (p.dtype == DType::kF16 || p.dtype == DType::kBF16) &&
         p.inputs % 8 == 0 && p.outputs % 8 == 0 && p.weight_stride % 8 == 0 && is_aligned(p.x, 16) &&
         is_aligned(p.weight, 16) && is_aligned(p.y, 16) && is_aligned(p.bias, 8) && p.rows > 0 && p.rows < (1 << 30);
}

void gemm_hopper_cuda(const GemmFusedParams& p, HopperTile tile, CudaQueue queue) {
  SCLIP_CHECK(gemm_hopper_serves(p, queue), kInternal, "gemm_hopper was asked for what it does not take: ", p.rows,
              " rows, ", p.inputs, " → ", p.outputs, " on architecture ", queue.architecture);
  p.dtype == DType::kF16 ? launch<F16>(p, tile, queue) : launch<BF16>(p, tile, queue);
}

}  // namespace sclip
