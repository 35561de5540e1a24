// tokens[b, 1 + i] = conv1 · pixels of patch i of window b + pos[1 + i]; tokens[b, 0] = class + pos[0]; then ln_pre.
//
// An implicit GEMM, M = B·h·w patches, n = C channels, K = 3·P·P: rows of A are cut from the photo on their way into
// shared memory, so no matrix of patches exists. Pixels are f32 in the photo and rounded to halves as they are stored.
//
// Tiling     64 patches × 128 channels a block of 4 warps, 32 × 64 a warp: for 32 of K a warp does 32 mma on operands
//            from 12 ldmatrix. A warp loads 32 pixels of two patches in 8-byte pieces, whole sectors, where windows
//            lie on even columns. W comes by cp.async. Both operands are double buffered, A through 16 registers.
// Shared     2 × (64 + 128) rows × 64 bytes = 24 KiB, and 64 offsets. Chunk c of row r lies at c ^ (r / 2 % 4): the
//            8 rows that ldmatrix reads at once fall on 8 different groups of 4 banks.
// Occupancy  mma: 128 threads, at most 168 registers, 64 of them sums: 3 blocks, 18 % of an SM; the 32 mma of a step
//            hide its loads.
// Limit      tensor cores: 2·M·n·K FLOP. DRAM moves the photo, W, the positions and the tokens once; the rest is L2.
//            ln_pre needs whole rows of C, which a tile of 128 channels has not: it is the layernorm kernel, in place.
// f32        the same on FMA units, 64 × 64 a block of 256 threads, 4 × 4 a thread: for parity tests.
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/mma.cuh"
#include "kernels/layernorm/layernorm.h"
#include "kernels/patch_embed/patch_embed.h"

namespace sclip {
namespace {

using namespace cuda;

// What a block needs to know, in 32 bits: a photo's planes have fewer than 2^31 elements.
struct Problem {
  const float* image;
  const PatchOrigin* windows;
  const float* class_embedding;
  const float* positions;
  float* tokens;
  int width, plane;  // W, H·W
  int batch, grid_w, patches, patch;
  int rows, cols, depth;  // B·h·w, C, 3·P·P
  int weight_stride;
  bool wide;  // channels come in pairs whose tokens and positions are aligned to 8 bytes
};

// Offset in the image of the top left pixel of patch `row`.
__device__ __forceinline__ int patch_offset(const Problem& p, int row, int patch) {
  const PatchOrigin window = p.windows[row / p.patches];
  const int i = row % p.patches;
  return (window.y + i / p.grid_w * patch) * p.width + window.x + i % p.grid_w * patch;
}

// Offset of pixel k of a patch from its top left one. kPatch is P, or 0 when it is known at run time only.
template <int kPatch>
__device__ __forceinline__ int pixel_offset(const Problem& p, int k) {
  const int patch = kPatch > 0 ? kPatch : p.patch;
  return k / (patch * patch) * p.plane + k / patch % patch * p.width + k % patch;
}

__device__ __forceinline__ void write_class_tokens(const Problem& p, int first_column, int columns, int threads) {
  for (int b = blockIdx.x; b < p.batch; b += gridDim.x) {
    float* token = p.tokens + static_cast<int64_t>(b) * (1 + p.patches) * p.cols;
    for (int c = first_column + threadIdx.x; c < min(first_column + columns, p.cols); c += threads) {
      token[c] = p.class_embedding[c] + p.positions[c];
    }
  }
}

// Element (row, 0) of the tokens, and of the positions.
__device__ __forceinline__ int64_t token_row(const Problem& p, int row) {
  return (static_cast<int64_t>(row / p.patches) * (1 + p.patches) + 1 + row % p.patches) * p.cols;
}
__device__ __forceinline__ int64_t position_row(const Problem& p, int row) {
  return static_cast<int64_t>(1 + row % p.patches) * p.cols;
}

constexpr int kBlockM = 64, kBlockN = 128, kBlockK = 32;
constexpr int kThreads = 128;
constexpr int kRowBytes = kBlockK * 2;
constexpr int kRowsPerThread = kBlockM / (kThreads / 16);  // 16 threads cover the 32 pixels of a row
constexpr int kChunksPerThread = kBlockN * (kRowBytes / 16) / kThreads;

__device__ __forceinline__ uint32_t swizzled(int row, int chunk) {
  return static_cast<uint32_t>(row * kRowBytes + ((chunk ^ (row >> 1 & 3)) << 4));
}

// 32 pixels of 64 patches, two neighbours a register pair: rows t / 16 + 8·j, pixels 2·(t % 16) and the next.
template <int kPatch>
struct PixelLoader {
  const int*
      offset;  // (kBlockM), shared: of the patch in the image; −1 beyond the last. Held there to save 8 registers.
  bool pairs;  // every pair of pixels is one aligned 8-byte load
  float2 held[kRowsPerThread];

  __device__ __forceinline__ void init(const Problem& p, int first_row, int* offsets) {
    const int patch = kPatch > 0 ? kPatch : p.patch;
    int odd = (patch | p.width | p.plane) & 1;
    odd |= static_cast<int>(reinterpret_cast<uintptr_t>(p.image) >> 2 & 1);
    if (threadIdx.x < kBlockM) {
      const int row = first_row + threadIdx.x;
      const int at = row < p.rows ? patch_offset(p, row, patch) : -1;
      offsets[threadIdx.x] = at;
      odd |= at >= 0 ? at & 1 : 0;
    }
    offset = offsets + threadIdx.x / 16;
    pairs = __syncthreads_or(odd) == 0;
  }

  __device__ __forceinline__ void load(const Problem& p, int k0) {
    const int k = k0 + 2 * (threadIdx.x % 16);
    if (pairs) {  // P is even, so that both pixels lie in one row, and K is even
      const int at = pixel_offset<kPatch>(p, k);
#pragma unroll
      for (int j = 0; j < kRowsPerThread; ++j) {
        const int base = offset[j * (kThreads / 16)];
        held[j] = base >= 0 && k < p.depth ? *reinterpret_cast<const float2*>(p.image + base + at) : make_float2(0, 0);
      }
    } else {
      const int at_0 = pixel_offset<kPatch>(p, k), at_1 = pixel_offset<kPatch>(p, k + 1);
#pragma unroll
      for (int j = 0; j < kRowsPerThread; ++j) {
        const int base = offset[j * (kThreads / 16)];
        held[j].x = base >= 0 && k < p.depth ? p.image[base + at_0] : 0.0f;
        held[j].y = base >= 0 && k + 1 < p.depth ? p.image[base + at_1] : 0.0f;
      }
    }
  }

  template <typename T>
  __device__ __forceinline__ void store(unsigned char* tile) const {
    const int pair = threadIdx.x % 16;
#pragma unroll
    for (int j = 0; j < kRowsPerThread; ++j) {
      const int row = threadIdx.x / 16 + j * (kThreads / 16);
      *reinterpret_cast<uint32_t*>(tile + swizzled(row, pair / 4) + pair % 4 * 4) = pack<T>(held[j].x, held[j].y);
    }
  }
};

template <typename T>
__device__ __forceinline__ void load_weights(const Problem& p, const T* weight, int first_channel, int k0,
                                             uint32_t tile) {
#pragma unroll
  for (int i = 0; i < kChunksPerThread; ++i) {
    const int at = static_cast<int>(threadIdx.x) + i * kThreads;
    const int n = at / 4, chunk = at % 4;
    const int k = k0 + chunk * 8;
    const bool valid = first_channel + n < p.cols && k < p.weight_stride;
    const T* from = valid ? weight + static_cast<int64_t>(first_channel + n) * p.weight_stride + k : weight;
    copy_async_16(tile + swizzled(n, chunk), from, valid);
  }
  copy_async_commit();
}

template <typename T, int kPatch>
__global__ void __launch_bounds__(kThreads, 3) patch_embed_mma_kernel(Problem p, const T* __restrict__ weight) {
  __shared__ __align__(128) unsigned char a_tile[2][kBlockM * kRowBytes];
  __shared__ __align__(128) unsigned char w_tile[2][kBlockN * kRowBytes];
  __shared__ int offsets[kBlockM];
  const int first_row = blockIdx.x * kBlockM;
  const int first_channel = blockIdx.y * kBlockN;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int warp_m = warp % 2 * 32, warp_n = warp / 2 * 64;

  PixelLoader<kPatch> pixels;
  pixels.init(p, first_row, offsets);
  load_weights(p, weight, first_channel, 0, shared_address(w_tile[0]));
  pixels.load(p, 0);
  pixels.template store<T>(a_tile[0]);
  copy_async_wait<0>();
  __syncthreads();

  float sum[2][8][4] = {};
  const int steps = (p.depth + kBlockK - 1) / kBlockK;
  for (int step = 0; step < steps; ++step) {
    const int now = step % 2;
    if (step + 1 < steps) {
      load_weights(p, weight, first_channel, (step + 1) * kBlockK, shared_address(w_tile[1 - now]));
      pixels.load(p, (step + 1) * kBlockK);
    }
    const uint32_t a_base = shared_address(a_tile[now]), w_base = shared_address(w_tile[now]);
#pragma unroll
    for (int k = 0; k < kBlockK / 16; ++k) {
      uint32_t a[2][4];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        ldmatrix_x4(a[i], a_base + swizzled(warp_m + i * 16 + lane % 16, k * 2 + lane / 16));
      }
#pragma unroll
      for (int j = 0; j < 4; ++j) {  // 16 channels
        uint32_t b[4];
        ldmatrix_x4(b, w_base + swizzled(warp_n + j * 16 + lane / 16 * 8 + lane % 8, k * 2 + lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          mma<T>(sum[i][2 * j], a[i], b[0], b[1]);
          mma<T>(sum[i][2 * j + 1], a[i], b[2], b[3]);
        }
      }
    }
    if (step + 1 < steps) pixels.template store<T>(a_tile[1 - now]);
    copy_async_wait<0>();
    __syncthreads();
  }

#pragma unroll
  for (int i = 0; i < 2; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first_row + warp_m + i * 16 + half * 8 + lane / 4;
      if (row >= p.rows) continue;
      float* token = p.tokens + token_row(p, row);
      const float* position = p.positions + position_row(p, row);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const int c = first_channel + warp_n + j * 8 + lane % 4 * 2;
        if (p.wide) {
          if (c < p.cols) {
            const float2 at = *reinterpret_cast<const float2*>(position + c);
            *reinterpret_cast<float2*>(token + c) =
                make_float2(sum[i][j][2 * half] + at.x, sum[i][j][2 * half + 1] + at.y);
          }
        } else {
          if (c < p.cols) token[c] = sum[i][j][2 * half] + position[c];
          if (c + 1 < p.cols) token[c + 1] = sum[i][j][2 * half + 1] + position[c + 1];
        }
      }
    }
  }
  write_class_tokens(p, first_channel, kBlockN, kThreads);
}

constexpr int kF32Block = 64, kF32Depth = 16, kF32Threads = 256;

__global__ void __launch_bounds__(kF32Threads) patch_embed_f32_kernel(Problem p, const float* __restrict__ weight) {
  __shared__ float a_tile[kF32Depth][kF32Block + 1];
  __shared__ float w_tile[kF32Depth][kF32Block + 1];
  const int first_row = blockIdx.x * kF32Block, first_channel = blockIdx.y * kF32Block;
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  int offset[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int row = first_row + ty + 16 * j;
    offset[j] = row < p.rows ? patch_offset(p, row, p.patch) : -1;
  }
  float sum[4][4] = {};
  for (int k0 = 0; k0 < p.depth; k0 += kF32Depth) {
    const int k = k0 + tx;
    const bool in_depth = k < p.depth;
    const int at = in_depth ? pixel_offset<0>(p, k) : 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int n = first_channel + ty + 16 * j;
      a_tile[tx][ty + 16 * j] = in_depth && offset[j] >= 0 ? p.image[offset[j] + at] : 0.0f;
      w_tile[tx][ty + 16 * j] = in_depth && n < p.cols ? weight[static_cast<int64_t>(n) * p.weight_stride + k] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kF32Depth; ++d) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] = fmaf(a_tile[d][ty + 16 * i], w_tile[d][tx + 16 * j], sum[i][j]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = first_row + ty + 16 * i;
    if (row >= p.rows) continue;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int c = first_channel + tx + 16 * j;
      if (c < p.cols) p.tokens[token_row(p, row) + c] = sum[i][j] + p.positions[position_row(p, row) + c];
    }
  }
  write_class_tokens(p, first_channel, kF32Block, kF32Threads);
}

template <typename T>
void launch(const Problem& problem, const void* weight, CudaQueue queue) {
  const auto* w = static_cast<const T*>(weight);
  if constexpr (sizeof(T) == 4) {
    const dim3 grid(grid_size(ceil_div(problem.rows, kF32Block)), grid_size(ceil_div(problem.cols, kF32Block)));
    patch_embed_f32_kernel<<<grid, kF32Threads, 0, queue.stream>>>(problem, w);
  } else {
    const dim3 grid(grid_size(ceil_div(problem.rows, kBlockM)), grid_size(ceil_div(problem.cols, kBlockN)));
    switch (problem.patch) {
      case 14: patch_embed_mma_kernel<T, 14><<<grid, kThreads, 0, queue.stream>>>(problem, w); break;
      case 16: patch_embed_mma_kernel<T, 16><<<grid, kThreads, 0, queue.stream>>>(problem, w); break;
      case 32: patch_embed_mma_kernel<T, 32><<<grid, kThreads, 0, queue.stream>>>(problem, w); break;
      default: patch_embed_mma_kernel<T, 0><<<grid, kThreads, 0, queue.stream>>>(problem, w);
    }
  }
}

}  // namespace

void patch_embed_cuda(const PatchEmbedParams& p, const void* weight, int64_t weight_stride, CudaQueue queue) {
  check_params(p);
  SCLIP_CHECK(
      weight != nullptr && is_aligned(weight, 16) && weight_stride % 8 == 0 && weight_stride >= 3 * p.patch * p.patch,
      kInvalidArgument,
      "patch_embed on CUDA takes weights aligned to 16 bytes, in rows of a multiple of 8 of at least ",
      3 * p.patch * p.patch, "; these are ", weight_stride, " apart");
  const int64_t patches = p.grid_h * p.grid_w;
  if (p.batch == 0) return;
  SCLIP_CHECK(3 * p.height * p.width < INT32_MAX && p.batch * patches < INT32_MAX, kInvalidArgument,
              "patch_embed on CUDA takes photos of fewer than 2^31 values; this one has 3×", p.height, "×", p.width);
  const Problem problem{.image = p.image,
                        .windows = p.windows,
                        .class_embedding = p.class_embedding,
                        .positions = p.positions,
                        .tokens = p.tokens,
                        .width = static_cast<int>(p.width),
                        .plane = static_cast<int>(p.height * p.width),
                        .batch = static_cast<int>(p.batch),
                        .grid_w = static_cast<int>(p.grid_w),
                        .patches = static_cast<int>(patches),
                        .patch = static_cast<int>(p.patch),
                        .rows = static_cast<int>(p.batch * patches),
                        .cols = static_cast<int>(p.cols),
                        .depth = static_cast<int>(3 * p.patch * p.patch),
                        .weight_stride = static_cast<int>(weight_stride),
                        .wide = p.cols % 2 == 0 && is_aligned(p.positions, 8) && is_aligned(p.tokens, 8)};
  with_element(p.dtype, [&](auto element) { launch<decltype(element)>(problem, weight, queue); });
  check_launch("patch_embed", p.batch, " windows of ", p.grid_h, "×", p.grid_w, " patches of ", p.patch, " pixels → ",
               p.cols);
  layernorm_cuda({.x = p.tokens,
                  .y = p.tokens,
                  .gamma = p.gamma,
                  .beta = p.beta,
                  .rows = p.batch * (1 + patches),
                  .cols = p.cols,
                  .eps = p.eps},
                 queue);
}

}  // namespace sclip
