// The tiles that gemm_fused is compiled for, and which one serves a shape. Pure, so that a test can read it and a
// device is not needed to know.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/queue.h"

namespace sclip {

enum class GemmTile : uint8_t { k64x64, k64x128, k128x128, k128x256 };  // rows of x × rows of W
constexpr GemmTile kGemmTiles[] = {GemmTile::k64x64, GemmTile::k64x128, GemmTile::k128x128, GemmTile::k128x256};

struct GemmTileShape {
  int rows = 0, columns = 0;            // of y a block computes
  int warp_rows = 0, warp_columns = 0;  // and a warp
  int stages = 0;                       // steps of kGemmDepth that shared memory holds
  int blocks = 0;                       // that an SM's registers hold

  constexpr int threads() const { return rows / warp_rows * (columns / warp_columns) * 32; }
  constexpr int stage_bytes() const;
  constexpr int shared_bytes() const { return stages * stage_bytes(); }
};

// Halves of k in a stage: 64 bytes of each row, two sectors.
constexpr int kGemmDepth = 32;

constexpr int GemmTileShape::stage_bytes() const {
  return (rows + columns) * kGemmDepth * 2;
}

// 48 KiB, two of which fit the 100 KiB of an SM of sm_86, 89 and 120, or 96 KiB, which these have for one block.
constexpr GemmTileShape shape_of(GemmTile tile) {
  switch (tile) {
    case GemmTile::k64x64: return {64, 64, 32, 32, 6, 4};
    case GemmTile::k64x128: return {64, 128, 32, 64, 4, 3};
    case GemmTile::k128x128: return {128, 128, 64, 64, 3, 2};
    case GemmTile::k128x256: return {128, 256, 64, 64, 4, 1};
  }
  return {};
}

// The tile of least estimated time. All multiprocessors take one tile after another: as many turns as the fullest one
// has. A turn takes the tile's products, and operands, whose every row costs as much as 32 products: a tile of 128 ×
// 128 then runs at 0.67 of the tensor cores, one of 64 × 64 at 0.50. 128 × 256 reads a quarter less than 128 × 128, but
// has an SM to itself, so that nothing hides its first loads and its epilogue, a fifth of its time at k = 768. A tuner
// may find it better; here it is left out, and with it what needs more than 48 KiB of shared memory.
constexpr GemmTile choose_gemm_tile(int64_t rows, int64_t outputs, const CudaQueue& device) {
  GemmTile best = GemmTile::k64x64;
  int64_t least = INT64_MAX;
  for (const GemmTile tile : kGemmTiles) {
    const GemmTileShape shape = shape_of(tile);
    if (shape.blocks < 2) continue;
    const int64_t blocks = ((rows + shape.rows - 1) / shape.rows) * ((outputs + shape.columns - 1) / shape.columns);
    const int64_t multiprocessors = device.multiprocessors > 0 ? device.multiprocessors : 1;
    const int64_t turns = (blocks + multiprocessors - 1) / multiprocessors;
    const int64_t time = turns * (shape.rows * shape.columns + 32 * (shape.rows + shape.columns));
    if (time <= least) {  // a draw goes to the larger tile, which reads less
      least = time;
      best = tile;
    }
  }
  return best;
}

}  // namespace sclip
