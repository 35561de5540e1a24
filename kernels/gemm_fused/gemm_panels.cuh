// A stage of shared memory: 32 of k of the block's rows of x, and below them of W. How it is laid out, and how it comes
// from global memory.
#pragma once

#include "kernels/cuda/async_copy.cuh"
#include "kernels/gemm_fused/gemm_tile.h"

namespace sclip::cuda {

// A tile's numbers, for device code.
template <GemmTile kTile>
struct TileOf {
  static constexpr GemmTileShape kShape = shape_of(kTile);
  static constexpr int kRows = kShape.rows, kColumns = kShape.columns;
  static constexpr int kWarpRows = kShape.warp_rows, kWarpColumns = kShape.warp_columns;
  static constexpr int kStages = kShape.stages, kBlocks = kShape.blocks;
  static constexpr int kThreads = kShape.threads();
  static constexpr int kStageBytes = kShape.stage_bytes(), kSharedBytes = kShape.shared_bytes();
};

constexpr int kGemmRowBytes = kGemmDepth * 2;
constexpr int kGemmRowChunks = kGemmRowBytes / 16;

// Where 16-byte chunk c of row r lies: two rows fill the banks, and the XOR tells apart the four pairs of eight rows.
constexpr __host__ __device__ int gemm_offset(int row, int chunk) {
  return row * kGemmRowBytes + ((chunk ^ (row >> 1 & 3)) << 4);
}

// The 8 rows that ldmatrix reads at once, and the 8 chunks that 8 lanes copy, lie in 8 different groups of 4 banks.
constexpr bool gemm_panels_are_conflict_free() {
  unsigned copied = 0;
  for (int i = 0; i < 8; ++i) copied |= 1u << (gemm_offset(i / kGemmRowChunks, i % kGemmRowChunks) / 16 % 8);
  for (int chunk = 0; chunk < kGemmRowChunks; ++chunk) {
    unsigned read = 0;
    for (int row = 0; row < 8; ++row) read |= 1u << (gemm_offset(row, chunk) / 16 % 8);
    if (read != 0xff) return false;
  }
  return copied == 0xff;
}
static_assert(gemm_panels_are_conflict_free());

// A thread's part of a panel of kRows: one chunk of every kRowsApart-th row. Rows beyond the last are zeros.
template <typename T, int kRows, int kThreads>
class PanelCopy {
 public:
  static constexpr int kRowsApart = kThreads / kGemmRowChunks;
  static constexpr int kCopies = kRows / kRowsApart;
  static_assert(kRows % kRowsApart == 0 && kRowsApart % 8 == 0);  // the XOR is that of the thread's first row

  __device__ __forceinline__ PanelCopy(const T* matrix, int64_t stride, int first_row, int rows) {
    const int row = static_cast<int>(threadIdx.x) / kGemmRowChunks,
              chunk = static_cast<int>(threadIdx.x) % kGemmRowChunks;
    from_ = matrix + (first_row + row) * stride + chunk * 8;
    apart_ = kRowsApart * stride;
    to_ = gemm_offset(row, chunk);
    copies_ = (rows - first_row - row + kRowsApart - 1) / kRowsApart;
  }

  // The next kGemmDepth of k; `valid`: the thread's chunk of them exists.
  __device__ __forceinline__ void next(uint32_t panel, bool valid) {
#pragma unroll
    for (int i = 0; i < kCopies; ++i) {
      copy_async_16(panel + to_ + i * kRowsApart * kGemmRowBytes, from_ + i * apart_, valid && i < copies_);
    }
    from_ += kGemmDepth;
  }

 private:
  const T* from_;
  int64_t apart_;
  uint32_t to_;
  int copies_;  // of rows that exist
};

}  // namespace sclip::cuda
