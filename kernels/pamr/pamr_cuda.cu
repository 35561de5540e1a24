// Pixel-adaptive mask refinement: the weights in one kernel, then one kernel an iteration.
//
// Tiling     weights  a block is 32 × 16 pixels, one a thread: a channel of the guide, with a margin of the largest
//                     dilation, is interpolated into shared memory; then the P neighbours are read three times (mean,
//                     σ, affinity) and P affinities stay in registers for the softmax; (P, H, W) out.
//            smooth   a block is 64 × 16 pixels, 2 a thread, whose 2 · P weights stay in registers while planes
//                     pass by: each plane's tile, with a margin of the largest dilation, goes through shared memory.
// Shared     weights: (32 + 2d)(16 + 2d) floats, 12 KiB for d = 16. smooth: (64 + 2d)(16 + 2d) floats, 18 KiB for
//            d = 16. Lanes read neighbouring words: no bank conflicts.
// Occupancy  smooth: 512 threads, at most 64 registers: 2 blocks, 50 % of an SM; for dilations other than 8
//            and 16 512 threads, at most 128 registers: 1 block.
//            weights: 512 threads, at most 64 registers: 2 blocks; once a photo.
// Limit      smooth, per pixel and iteration: from DRAM 4 · P bytes of weights, and for each plane 4 bytes read and 4
//            written; L2 serves the margins, 4.5 times the plane for d = 16. Per plane P shared reads and P FMA. A
//            block takes all planes unless the picture is too small to fill the device.
// Memory     as many planes again for a workspace: an iteration cannot be in place.
#include "core/carver.h"
#include "kernels/cuda/launch.h"
#include "kernels/interpolate/bilinear.h"
#include "kernels/pamr/pamr.h"

namespace sclip {
namespace {

using namespace cuda;

// Where neighbour n of 8 lies, times the dilation (pamr_dy, pamr_dx).
__device__ __forceinline__ constexpr int dy_of(int n) {
  return (n < 4 ? n : n + 1) / 3 - 1;
}
__device__ __forceinline__ constexpr int dx_of(int n) {
  return (n < 4 ? n : n + 1) % 3 - 1;
}

constexpr int kGuideWidth = 32, kGuideHeight = 16, kGuideThreads = kGuideWidth * kGuideHeight;

struct Guide {
  const float* image;
  const PatchOrigin* corner;
  int64_t row_stride, plane_stride;
  int image_height, image_width;
  int height, width;
  int64_t pixels;
  float* weights;  // (P, H, W)
  int dilation[2];
};

__device__ __forceinline__ float lerp(float a, float b, float f) {
  return fmaf(f, b - a, a);
}

// The guide at a pixel of the photo, clamped to it. Differences, so that what is flat in the image stays flat.
__device__ __forceinline__ float guide_at(const Guide& g, const float* image, int y, int x) {
  const BilinearTap<int> ty = bilinear_tap(g.image_height, g.height, min(max(y, 0), g.height - 1));
  const BilinearTap<int> tx = bilinear_tap(g.image_width, g.width, min(max(x, 0), g.width - 1));
  const float* upper = image + ty.index0 * g.row_stride;
  const float* lower = image + ty.index1 * g.row_stride;
  return lerp(lerp(upper[tx.index0], upper[tx.index1], tx.weight1),
              lerp(lower[tx.index0], lower[tx.index1], tx.weight1), ty.weight1);
}

template <int kDilations>
__global__ void __launch_bounds__(kGuideThreads, 2)
    pamr_weights_kernel(const __grid_constant__ Guide g, int tiles_x, int margin) {
  constexpr int kNeighbours = 8 * kDilations;
  constexpr float kSamples = 9 * kDilations;
  extern __shared__ float tile[];
  const int pitch = kGuideWidth + 2 * margin, rows = kGuideHeight + 2 * margin;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int tile_x = static_cast<int>(blockIdx.x) % tiles_x * kGuideWidth;
  const int tile_y = static_cast<int>(blockIdx.x) / tiles_x * kGuideHeight;
  const float* own = tile + (warp + margin) * pitch + lane + margin;
  float affinity[kNeighbours] = {};
#pragma unroll 1
  for (int c = 0; c < 3; ++c) {
    const float* image = g.image + c * g.plane_stride;
    if (g.corner != nullptr) image += g.corner->y * g.row_stride + g.corner->x;
    __syncthreads();
    for (int r = warp; r < rows; r += kGuideHeight) {
      for (int i = lane; i < pitch; i += 32) {
        tile[r * pitch + i] = guide_at(g, image, tile_y + r - margin, tile_x + i - margin);
      }
    }
    __syncthreads();
    const auto neighbour = [&](int n) { return own[(dy_of(n % 8) * pitch + dx_of(n % 8)) * g.dilation[n / 8]]; };
    const float centre = *own;
    float sum = kDilations * centre;
#pragma unroll
    for (int n = 0; n < kNeighbours; ++n) sum += neighbour(n);
    const float mean = sum / kSamples;
    float squares = kDilations * (centre - mean) * (centre - mean);
#pragma unroll
    for (int n = 0; n < kNeighbours; ++n) squares += (neighbour(n) - mean) * (neighbour(n) - mean);
    const float scale = 1.0f / (1e-8f + 0.1f * sqrtf(squares / (kSamples - 1)));
#pragma unroll
    for (int n = 0; n < kNeighbours; ++n) affinity[n] -= fabsf(centre - neighbour(n)) * scale;
  }
  const int x = tile_x + lane, y = tile_y + warp;
  if (x >= g.width || y >= g.height) return;
  float most = affinity[0];
#pragma unroll
  for (int n = 1; n < kNeighbours; ++n) most = fmaxf(most, affinity[n]);
  float sum = 0;
#pragma unroll
  for (int n = 0; n < kNeighbours; ++n) {
    affinity[n] = expf((affinity[n] - most) * (1.0f / 3.0f));
    sum += affinity[n];
  }
  const float inverse = 1.0f / sum;
  float* out = g.weights + static_cast<int64_t>(y) * g.width + x;
#pragma unroll
  for (int n = 0; n < kNeighbours; ++n) out[n * g.pixels] = affinity[n] * inverse;
}

constexpr int kTileWidth = 64, kTileHeight = 16;
constexpr int kSmoothThreads = 512;
constexpr int kPixels = kTileWidth * kTileHeight / kSmoothThreads;  // of a thread

struct Smooth {
  int height, width;
  int64_t pixels;
  const float* weights;  // (P, H, W)
  int dilation[2];
};

// One iteration of planes blockIdx.y · planes_per_block and following. kUsual: dilations of 8 and 16, so that
// neighbours lie at distances the compiler knows; others need registers for the distances.
template <int kDilations, bool kUsual>
__global__ void __launch_bounds__(kSmoothThreads, kUsual ? 2 : 1)
    pamr_smooth_kernel(const __grid_constant__ Smooth p, const float* from, float* to, int count, int planes_per_block,
                       int tiles_x, int any_margin) {
  const int margin = kUsual ? 16 : any_margin;
  extern __shared__ float tile[];
  constexpr int kNeighbours = 8 * kDilations;
  const int tile_x = static_cast<int>(blockIdx.x) % tiles_x * kTileWidth;
  const int tile_y = static_cast<int>(blockIdx.x) / tiles_x * kTileHeight;
  constexpr int kUsualPitch = kTileWidth + 2 * 16, kUsualRows = kTileHeight + 2 * 16;
  static_assert(kUsualPitch % 32 == 0 && kUsualRows % (kSmoothThreads / 32) == 0);
  const int pitch = kUsual ? kUsualPitch : kTileWidth + 2 * margin;
  const int rows = kTileHeight + 2 * margin;
  const int column = static_cast<int>(threadIdx.x) % kTileWidth;
  const int x = tile_x + column;

  float w[kPixels][kNeighbours];
  bool exists[kPixels];
  int pixel[kPixels];
#pragma unroll
  for (int i = 0; i < kPixels; ++i) {
    const int y = tile_y + static_cast<int>(threadIdx.x) / kTileWidth + i * (kSmoothThreads / kTileWidth);
    exists[i] = x < p.width && y < p.height;
    pixel[i] = exists[i] ? y * p.width + x : 0;
#pragma unroll
    for (int n = 0; n < kNeighbours; ++n) w[i][n] = exists[i] ? p.weights[n * p.pixels + pixel[i]] : 0;
  }

  const int first = static_cast<int>(blockIdx.y) * planes_per_block;
  const int last = min(first + planes_per_block, count);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  int columns[kUsualPitch / 32];
#pragma unroll
  for (int c = 0; c < kUsualPitch / 32; ++c) columns[c] = min(max(tile_x + c * 32 + lane - margin, 0), p.width - 1);
  for (int k = first; k < last; ++k) {
    const float* plane = from + k * p.pixels;
    if constexpr (kUsual) {  // whole warps, whose columns stay the same
#pragma unroll
      for (int r = 0; r < kUsualRows; r += kSmoothThreads / 32) {
        const float* source =
            plane + static_cast<int64_t>(min(max(tile_y + warp + r - margin, 0), p.height - 1)) * p.width;
#pragma unroll
        for (int c = 0; c < kUsualPitch / 32; ++c) tile[(warp + r) * kUsualPitch + c * 32 + lane] = source[columns[c]];
      }
    } else {
      for (int r = warp; r < rows; r += kSmoothThreads / 32) {
        const int y = min(max(tile_y + r - margin, 0), p.height - 1);
        for (int c = lane; c < pitch; c += 32) {
          const int source = min(max(tile_x + c - margin, 0), p.width - 1);
          tile[r * pitch + c] = plane[static_cast<int64_t>(y) * p.width + source];
        }
      }
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      const int row = static_cast<int>(threadIdx.x) / kTileWidth + i * (kSmoothThreads / kTileWidth);
      const float* centre = tile + (row + margin) * pitch + column + margin;
      float sum = 0;
#pragma unroll
      for (int n = 0; n < kNeighbours; ++n) {
        const int d = kUsual ? 8 << (n / 8) : p.dilation[n / 8];
        sum = fmaf(w[i][n], centre[(dy_of(n % 8) * pitch + dx_of(n % 8)) * d], sum);
      }
      if (exists[i]) to[k * p.pixels + pixel[i]] = sum;
    }
    __syncthreads();
  }
}

int margin_of(const PamrDilations& dilations) {
  return static_cast<int>(std::max(dilations[0], dilations[1]));
}

// Bytes of a tile of floats with a margin on every side.
size_t tile_bytes(int width, int height, int margin) {
  return sizeof(float) * static_cast<size_t>((width + 2 * margin) * (height + 2 * margin));
}

template <int kDilations>
void smooth(const PamrParams& params, float* spare, CudaQueue queue) {
  const Smooth p{.height = static_cast<int>(params.height),
                 .width = static_cast<int>(params.width),
                 .pixels = params.height * params.width,
                 .weights = params.weights,
                 .dilation = {static_cast<int>(params.dilations[0]), static_cast<int>(params.dilations[1])}};
  const int margin = margin_of(params.dilations);
  const size_t shared = tile_bytes(kTileWidth, kTileHeight, margin);
  const int64_t tiles_x = ceil_div(params.width, kTileWidth);
  const int64_t tiles = tiles_x * ceil_div(params.height, kTileHeight);
  // Two blocks of the generic kernel fit a multiprocessor, and a second round evens out the tail; more groups than that
  // only read the weights more often. 65,535 is the grid's limit.
  const int64_t wanted = int64_t{4} * queue.multiprocessors;
  const int64_t groups = std::clamp<int64_t>(ceil_div(wanted, tiles), 1, std::min<int64_t>(params.count, 65535));
  const int64_t planes_per_block = ceil_div(params.count, groups);
  const dim3 grid(grid_size(tiles), static_cast<unsigned>(ceil_div(params.count, planes_per_block)));
  auto* kernel = pamr_smooth_kernel<kDilations, false>;
  if constexpr (kDilations == 2) {
    if (params.dilations == PamrDilations{8, 16}) kernel = pamr_smooth_kernel<2, true>;
  }
  float* from = params.planes;
  float* to = spare;
  for (int64_t i = 0; i < params.iterations; ++i) {
    kernel<<<grid, kSmoothThreads, shared, queue.stream>>>(p, from, to, static_cast<int>(params.count),
                                                           static_cast<int>(planes_per_block),
                                                           static_cast<int>(tiles_x), margin);
    check_launch("pamr_smooth", params.count, " planes of ", params.width, "×", params.height, ", dilations ",
                 params.dilations[0], " and ", params.dilations[1]);
    std::swap(from, to);
  }
  if (from != params.planes) {
    const auto bytes = static_cast<size_t>(params.count * p.pixels) * sizeof(float);
    const cudaError_t error = cudaMemcpyAsync(params.planes, from, bytes, cudaMemcpyDeviceToDevice, queue.stream);
    SCLIP_CHECK(error == cudaSuccess, kDevice, "pamr: cannot copy ", bytes,
                " bytes of refined planes: ", cudaGetErrorString(error));
  }
}

}  // namespace

void pamr_weights_cuda(const PamrWeightsParams& p, CudaQueue queue) {
  check_params(p);
  const PamrImageStrides strides = image_strides(p);
  const Guide g{.image = p.image,
                .corner = p.corner,
                .row_stride = strides.row,
                .plane_stride = strides.plane,
                .image_height = static_cast<int>(p.image_height),
                .image_width = static_cast<int>(p.image_width),
                .height = static_cast<int>(p.height),
                .width = static_cast<int>(p.width),
                .pixels = p.height * p.width,
                .weights = p.weights,
                .dilation = {static_cast<int>(p.dilations[0]), static_cast<int>(p.dilations[1])}};
  const int margin = margin_of(p.dilations);
  const int64_t tiles_x = ceil_div(p.width, kGuideWidth);
  const unsigned blocks = grid_size(tiles_x * ceil_div(p.height, kGuideHeight));
  const auto kernel = pamr_neighbours(p.dilations) == 8 ? pamr_weights_kernel<1> : pamr_weights_kernel<2>;
  kernel<<<blocks, kGuideThreads, tile_bytes(kGuideWidth, kGuideHeight, margin), queue.stream>>>(
      g, static_cast<int>(tiles_x), margin);
  check_launch("pamr_weights", p.width, "×", p.height, " pixels, image ", p.image_width, "×", p.image_height,
               ", dilations ", p.dilations[0], " and ", p.dilations[1]);
}

size_t pamr_cuda_workspace(const PamrParams& p) {
  check_params(p);
  Carver carver(nullptr);
  carver.take<float>(p.count * p.height * p.width);
  return carver.bytes();
}

void pamr_cuda(const PamrParams& p, void* workspace, CudaQueue queue) {
  check_params(p);
  float* spare = Carver(workspace).take<float>(p.count * p.height * p.width);
  pamr_neighbours(p.dilations) == 8 ? smooth<1>(p, spare, queue) : smooth<2>(p, spare, queue);
}

}  // namespace sclip
