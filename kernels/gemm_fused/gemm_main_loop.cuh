// The sums of a warp: its part of x · Wᵀ for a block's tile.
#pragma once

#include "kernels/cuda/mma.cuh"
#include "kernels/gemm_fused/gemm_fused.h"
#include "kernels/gemm_fused/gemm_panels.cuh"

namespace sclip::cuda {

// What a block needs to know.
struct GemmArgs {
  const void* x;
  const void* weight;
  const float* bias;
  void* y;
  int rows, inputs, outputs;
  int64_t weight_stride;
  GemmEpilogue epilogue;
  bool f32_output;
};

// Where a warp's part of the block's tile begins.
template <GemmTile kTile>
struct WarpPlace {
  static constexpr int kAcross = TileOf<kTile>::kColumns / TileOf<kTile>::kWarpColumns;
  int row, column;
  __device__ __forceinline__ explicit WarpPlace(int warp)
      : row(warp / kAcross * TileOf<kTile>::kWarpRows), column(warp % kAcross * TileOf<kTile>::kWarpColumns) {}
};

// 16 of k of a warp's operands, in registers.
template <int kWarpRows, int kWarpColumns>
struct GemmFragments {
  uint32_t a[kWarpRows / 16][4], b[kWarpColumns / 16][4];

  // `at_a`, `at_b`: what the lane reads of the first 16 rows.
  __device__ __forceinline__ void load(uint32_t at_a, uint32_t at_b) {
#pragma unroll
    for (int j = 0; j < kWarpColumns / 16; ++j) ldmatrix_x4(b[j], at_b + j * 16 * kGemmRowBytes);
#pragma unroll
    for (int i = 0; i < kWarpRows / 16; ++i) ldmatrix_x4(a[i], at_a + i * 16 * kGemmRowBytes);
  }

  // Back and forth through b, so that every product shares an operand with the one before.
  template <typename T>
  __device__ __forceinline__ void multiply(float (&sum)[kWarpRows / 16][kWarpColumns / 8][4]) const {
#pragma unroll
    for (int i = 0; i < kWarpRows / 16; ++i) {
#pragma unroll
      for (int n = 0; n < kWarpColumns / 8; ++n) {
        const int j = i % 2 == 0 ? n : kWarpColumns / 8 - 1 - n;
        mma<T>(sum[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
      }
    }
  }
};

// Copies run kStages − 1 steps ahead, fragments 16 of k. One barrier a step: behind it the step's stage has landed for
// all warps, and all have read the stage before, which the next copies replace. A warp whose part of y does not exist
// copies and does not multiply.
template <typename T, GemmTile kTile, int kMr, int kNr>
__device__ __forceinline__ void multiply_tile(const GemmArgs& args, int first_row, int first_column, uint32_t shared,
                                              float (&sum)[kMr][kNr][4]) {
  using Tile = TileOf<kTile>;
  constexpr int kStages = Tile::kStages, kStageBytes = Tile::kStageBytes;
  constexpr int kWeights = Tile::kRows * kGemmRowBytes;  // where W begins in a stage
  static_assert(kMr * 16 == Tile::kWarpRows && kNr * 8 == Tile::kWarpColumns && kGemmDepth == 32);

  PanelCopy<T, Tile::kRows, Tile::kThreads> x(static_cast<const T*>(args.x), args.inputs, first_row, args.rows);
  PanelCopy<T, Tile::kColumns, Tile::kThreads> weight(static_cast<const T*>(args.weight), args.weight_stride,
                                                      first_column, args.outputs);
  int left = args.inputs - static_cast<int>(threadIdx.x) % kGemmRowChunks * 8;  // of k, from the thread's next chunk on
  const auto copy_next = [&](uint32_t stage) {
    x.next(stage, left > 0);
    weight.next(stage + kWeights, left > 0);
    left -= kGemmDepth;
  };

  const int steps = (args.inputs + kGemmDepth - 1) / kGemmDepth;
#pragma unroll
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < steps) copy_next(shared + s * kStageBytes);
    copy_async_commit();
  }

  const int lane = static_cast<int>(threadIdx.x) % 32;
  const WarpPlace<kTile> place(static_cast<int>(threadIdx.x) / 32);
  const bool multiplies = first_row + place.row < args.rows && first_column + place.column < args.outputs;
  // Chunks 2 and 3 of a row, the second 16 of k, are an XOR with 32 away.
  const uint32_t lane_a = gemm_offset(place.row + lane % 16, lane / 16);
  const uint32_t lane_b = kWeights + gemm_offset(place.column + lane / 16 * 8 + lane % 8, lane / 8 % 2);

  GemmFragments<Tile::kWarpRows, Tile::kWarpColumns> first, second;
  copy_async_wait<kStages - 2>();
  __syncthreads();
  uint32_t read = shared, write = shared + (kStages - 1) * kStageBytes;
  if (multiplies) first.load(read + lane_a, read + lane_b);
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    if (step + kStages - 1 < steps) copy_next(write);
    copy_async_commit();
    write = read;
    if (multiplies) {
      second.load(read + (lane_a ^ 32), read + (lane_b ^ 32));
      first.template multiply<T>(sum);
    }
    copy_async_wait<kStages - 2>();
    __syncthreads();
    read = read + kStageBytes == shared + Tile::kSharedBytes ? shared : read + kStageBytes;
    if (multiplies) {
      first.load(read + lane_a, read + lane_b);  // behind the last step: of what lies there, for no product
      second.template multiply<T>(sum);
    }
  }
}

}  // namespace sclip::cuda
