// y = epilogue(x · Wᵀ + bias) in halves, with f32 sums, on the tensor cores of every architecture from sm_80 on.
//
// Tiling     Tiles of y of 128 × 256 to 64 × 64 (gemm_tile.h), 64 × 64 a warp, the two small ones 32 × 64 and 32 × 32.
//            32 of k a step, by cp.async through 3 to 6 stages, one barrier a step (gemm_main_loop.cuh). For 16 of k a
//            warp of 64 × 64 does 32 mma on operands from 8 ldmatrix, which were read 16 of k ahead. Blocks next to
//            each other go through all columns of 8 tiles of rows before the next 8: what they read stays in L2.
//            A warp beyond the last row or column multiplies nothing. k ends at any multiple of 8: zeros follow.
//            All tiles add in the same order: the tile changes no bit, and a row's bits come from that row alone.
// Shared     48 KiB, 128 × 256 96: rows of 64 bytes, chunk c of row r at c ^ (r / 2 % 4). Sums leave through 2 or 4 KiB
//            of it a warp, 16 rows at a time, XORed too (gemm_epilogue.cuh), so that a lane stores 16 bytes and a
//            residual is read so. No bank conflict anywhere, checked at compile time.
// Occupancy  128 × 256: 256 threads, at most 255 registers (128 of sums, 64 of fragments): 1 block, 8 warps of an SM.
//            128 × 128: 128 threads, at most 255 registers: 2 blocks. 64 × 128: 128 threads, at most 168 registers: 3
//            blocks. 64 × 64: 128 threads, at most 128 registers: 4 blocks. Shared memory leaves 3 of these on sm_80,
//            and 2 of any small tile where an SM has 100 KiB. No spills, no stack frames.
// Limit      tensor cores: 2·M·n·k FLOP; a step of a 64 × 64 warp is 64 HMMA of 142 instructions, and its ldmatrix take
//            half of the cycles that its HMMA take on sm_80. DRAM moves x, W, bias and y once, a residual twice; L2
//            serves 24 bytes a cycle to an SM at 128 × 256, 32 at 128 × 128. On sm_90 and sm_100 the full rate takes
//            wgmma and tcgen05: there this is the kernel for what those do not serve.
#include "kernels/cuda/launch.h"
#include "kernels/gemm_fused/gemm_epilogue.cuh"
#include "kernels/gemm_fused/gemm_fused.h"

namespace sclip {
namespace {

using namespace cuda;

// Neighbours in the grid share rows of x or of W: they go through all columns of 8 tiles of rows before the next 8.
constexpr int kPanelsTogether = 8;

struct TilePlace {
  int row, column;
  __device__ __forceinline__ TilePlace(int block, int panels, int columns) {
    const int first = block / (kPanelsTogether * columns) * kPanelsTogether;
    const int together = min(kPanelsTogether, panels - first), within = block - first * columns;
    row = first + within % together;
    column = within / together;
  }
};

template <typename T, GemmTile kTile>
__global__ void __launch_bounds__(TileOf<kTile>::kThreads, TileOf<kTile>::kBlocks)
    gemm_fused_kernel(GemmArgs args, int panels, int columns) {
  using Tile = TileOf<kTile>;
  extern __shared__ __align__(128) unsigned char shared[];
  const TilePlace place(static_cast<int>(blockIdx.x), panels, columns);
  const int first_row = place.row * Tile::kRows, first_column = place.column * Tile::kColumns;
  float sum[Tile::kWarpRows / 16][Tile::kWarpColumns / 8][4] = {};
  multiply_tile<T, kTile>(args, first_row, first_column, shared_address(shared), sum);
  store_tile<T, kTile>(args, first_row, first_column, shared, sum);
}

template <typename T, GemmTile kTile>
void launch(const GemmArgs& args, CudaQueue queue) {
  using Tile = TileOf<kTile>;
  const int64_t panels = ceil_div(args.rows, Tile::kRows), columns = ceil_div(args.outputs, Tile::kColumns);
  allow_shared_memory(gemm_fused_kernel<T, kTile>, Tile::kSharedBytes, queue);
  gemm_fused_kernel<T, kTile><<<grid_size(panels * columns), Tile::kThreads, Tile::kSharedBytes, queue.stream>>>(
      args, static_cast<int>(panels), static_cast<int>(columns));
}

template <typename T>
void launch(const GemmArgs& args, GemmTile tile, CudaQueue queue) {
  switch (tile) {
    case GemmTile::k64x64: return launch<T, GemmTile::k64x64>(args, queue);
    case GemmTile::k64x128: return launch<T, GemmTile::k64x128>(args, queue);
    case GemmTile::k128x128: return launch<T, GemmTile::k128x128>(args, queue);
    case GemmTile::k128x256: return launch<T, GemmTile::k128x256>(args, queue);
  }
}

}  // namespace

void gemm_fused_cuda(const GemmFusedParams& p, GemmTile tile, CudaQueue queue) {
  check_params(p);
  SCLIP_CHECK(gemm_fused_serves(p), kInvalidArgument,
              "gemm_fused on CUDA takes x, weight, bias and y aligned to 16 bytes, and "
              "multiples of 8 inputs and outputs with weights in rows of a multiple of 8; these are ",
              p.inputs, " → ", p.outputs, ", in rows of ", p.weight_stride);
  if (p.rows == 0) return;
  const GemmArgs args{.x = p.x,
                      .weight = p.weight,
                      .bias = p.bias,
                      .y = p.y,
                      .rows = static_cast<int>(p.rows),
                      .inputs = static_cast<int>(p.inputs),
                      .outputs = static_cast<int>(p.outputs),
                      .weight_stride = p.weight_stride,
                      .epilogue = p.epilogue,
                      .f32_output = p.output == DType::kF32};
  p.dtype == DType::kF16 ? launch<F16>(args, tile, queue) : launch<BF16>(args, tile, queue);
  check_launch("gemm_fused", p.rows, " × ", p.inputs, " → ", p.outputs);
}

}  // namespace sclip
