// Pixel-adaptive mask refinement: the guide, its weights, then one kernel an iteration.
//
// Tiling     guide    a thread a pixel and channel
//            weights  a thread a pixel: the P neighbours of a channel in registers for the two passes of σ, and P
//                     affinities for the softmax; (P, H, W) out. Neighbouring lanes read neighbouring pixels.
//            smooth   a block is 64 × 16 pixels, 2 a thread, whose 2 · P weights stay in registers while planes
//                     pass by: each plane's tile, with a margin of the largest dilation, goes through shared memory.
// Shared     smooth: (64 + 2d)(16 + 2d) floats, 18 KiB for d = 16. Lanes read neighbouring words: no bank conflicts.
// Occupancy  smooth: 512 threads, at most 64 registers: 2 blocks, 50 % of an SM; for dilations other than 8
//            and 16 512 threads, at most 128 registers: 1 block.
//            weights: 256 threads, at most 80 registers: 3 blocks, 37 %; once a call.
// Limit      smooth, per pixel and iteration: from DRAM 4 · P bytes of weights, and for each plane 4 bytes read and 4
//            written; L2 serves the margins, 4.5 times the plane for d = 16. Per plane P shared reads and P FMA. A
//            block takes all planes unless the picture is too small to fill the device.
// Memory     (3 + P + K) · H · W floats of workspace: an iteration cannot be in place.
#include "kernels/cuda/launch.h"
#include "kernels/pamr/pamr.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256;
constexpr int kTileWidth = 64, kTileHeight = 16;
constexpr int kSmoothThreads = 512;
constexpr int kPixels = kTileWidth * kTileHeight / kSmoothThreads;  // of a thread

struct Pamr {
  const float* image;
  int image_height, image_width;
  int height, width;
  int64_t pixels;
  float* guide;    // (3, H, W)
  float* weights;  // (P, H, W)
  int dilation[2];
};

struct Tap {
  int first, second;
  float f;
};

__device__ __forceinline__ Tap make_tap(int in, int out, int i) {
  if (in == out) return {i, i, 0};
  const float scale = __fdiv_rn(static_cast<float>(in), static_cast<float>(out));
  const float source = fmaxf(__fsub_rn(__fmul_rn(scale, __fadd_rn(static_cast<float>(i), 0.5f)), 0.5f), 0.0f);
  const int first = min(static_cast<int>(source), in - 1);
  return {first, min(first + 1, in - 1), __fsub_rn(source, static_cast<float>(first))};
}

__device__ __forceinline__ float lerp(float a, float b, float f) {
  return fmaf(f, b - a, a);
}

__global__ void __launch_bounds__(kThreads) pamr_guide_kernel(const __grid_constant__ Pamr p) {
  const int64_t pixel = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (pixel >= p.pixels) return;
  const Tap y = make_tap(p.image_height, p.height, static_cast<int>(pixel / p.width));
  const Tap x = make_tap(p.image_width, p.width, static_cast<int>(pixel % p.width));
  const float* image = p.image + static_cast<int64_t>(blockIdx.y) * p.image_height * p.image_width;
  const float* upper = image + static_cast<int64_t>(y.first) * p.image_width;
  const float* lower = image + static_cast<int64_t>(y.second) * p.image_width;
  p.guide[blockIdx.y * p.pixels + pixel] =
      lerp(lerp(upper[x.first], upper[x.second], x.f), lerp(lower[x.first], lower[x.second], x.f), y.f);
}

// The pixel's neighbour n of 8 · kDilations, clamped to the photo.
__device__ __forceinline__ int64_t neighbour(const Pamr& p, int y, int x, int n) {
  const int d = p.dilation[n / 8];
  const int ny = min(max(y + ((n % 8 < 4 ? n % 8 : n % 8 + 1) / 3 - 1) * d, 0), p.height - 1);
  const int nx = min(max(x + ((n % 8 < 4 ? n % 8 : n % 8 + 1) % 3 - 1) * d, 0), p.width - 1);
  return static_cast<int64_t>(ny) * p.width + nx;
}

template <int kDilations>
__global__ void __launch_bounds__(kThreads) pamr_weights_kernel(const __grid_constant__ Pamr p) {
  constexpr int kNeighbours = 8 * kDilations;
  constexpr float kSamples = 9 * kDilations;
  const int64_t pixel = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (pixel >= p.pixels) return;
  const int y = static_cast<int>(pixel / p.width), x = static_cast<int>(pixel % p.width);
  float affinity[kNeighbours] = {};
#pragma unroll 1
  for (int c = 0; c < 3; ++c) {
    const float* guide = p.guide + c * p.pixels;
    const float centre = guide[pixel];
    float value[kNeighbours];
    float sum = kDilations * centre;
#pragma unroll
    for (int n = 0; n < kNeighbours; ++n) {
      value[n] = guide[neighbour(p, y, x, n)];
      sum += value[n];
    }
    const float mean = sum / kSamples;
    float squares = kDilations * (centre - mean) * (centre - mean);
#pragma unroll
    for (int n = 0; n < kNeighbours; ++n) squares += (value[n] - mean) * (value[n] - mean);
    const float scale = 1.0f / (1e-8f + 0.1f * sqrtf(squares / (kSamples - 1)));
#pragma unroll
    for (int n = 0; n < kNeighbours; ++n) affinity[n] -= fabsf(centre - value[n]) * scale;
  }
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
#pragma unroll
  for (int n = 0; n < kNeighbours; ++n) p.weights[n * p.pixels + pixel] = affinity[n] * inverse;
}

// One iteration of planes blockIdx.y · planes_per_block and following. kUsual: dilations of 8 and 16, so that
// neighbours lie at distances the compiler knows; others need registers for the distances.
template <int kDilations, bool kUsual>
__global__ void __launch_bounds__(kSmoothThreads, kUsual ? 2 : 1)
    pamr_smooth_kernel(const __grid_constant__ Pamr p, const float* from, float* to, int count, int planes_per_block,
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
        const int d = kUsual ? 8 << (n / 8) : p.dilation[n / 8], m = n % 8 < 4 ? n % 8 : n % 8 + 1;
        sum = fmaf(w[i][n], centre[((m / 3 - 1) * pitch + (m % 3 - 1)) * d], sum);
      }
      if (exists[i]) to[k * p.pixels + pixel[i]] = sum;
    }
    __syncthreads();
  }
}

int dilation_count(const PamrParams& p) {
  return p.dilations[1] == 0 ? 1 : 2;
}

int64_t padded(int64_t floats) {
  return ceil_div(floats, 32) * 32;
}

template <int kDilations>
void launch(const PamrParams& params, const Pamr& p, float* spare, CudaQueue queue) {
  const auto check = [&](const char* kernel) {
    check_launch(kernel, params.count, " planes of ", params.width, "×", params.height, ", image ", params.image_width,
                 "×", params.image_height, ", dilations ", params.dilations[0], " and ", params.dilations[1]);
  };
  const unsigned blocks = grid_size(ceil_div(p.pixels, kThreads));
  pamr_guide_kernel<<<dim3(blocks, 3), kThreads, 0, queue.stream>>>(p);
  check("pamr_guide");
  pamr_weights_kernel<kDilations><<<blocks, kThreads, 0, queue.stream>>>(p);
  check("pamr_weights");

  const int margin = static_cast<int>(std::max(params.dilations[0], params.dilations[1]));
  const size_t shared = sizeof(float) * static_cast<size_t>((kTileWidth + 2 * margin) * (kTileHeight + 2 * margin));
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
    if (params.dilations == std::array<int64_t, 2>{8, 16}) kernel = pamr_smooth_kernel<2, true>;
  }
  float* from = params.planes;
  float* to = spare;
  for (int64_t i = 0; i < params.iterations; ++i) {
    kernel<<<grid, kSmoothThreads, shared, queue.stream>>>(p, from, to, static_cast<int>(params.count),
                                                    static_cast<int>(planes_per_block), static_cast<int>(tiles_x),
                                                    margin);
    check("pamr_smooth");
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

size_t pamr_cuda_workspace(const PamrParams& p) {
  check_params(p);
  const int64_t pixels = p.height * p.width;
  return sizeof(float) *
         static_cast<size_t>(padded(3 * pixels) + padded(8 * dilation_count(p) * pixels) + padded(p.count * pixels));
}

void pamr_cuda(const PamrParams& params, void* workspace, CudaQueue queue) {
  check_params(params);
  if (params.iterations == 0) return;
  const int64_t pixels = params.height * params.width;
  float* guide = static_cast<float*>(workspace);
  float* weights = guide + padded(3 * pixels);
  float* spare = weights + padded(8 * dilation_count(params) * pixels);
  const Pamr p{.image = params.image,
               .image_height = static_cast<int>(params.image_height),
               .image_width = static_cast<int>(params.image_width),
               .height = static_cast<int>(params.height),
               .width = static_cast<int>(params.width),
               .pixels = pixels,
               .guide = guide,
               .weights = weights,
               .dilation = {static_cast<int>(params.dilations[0]), static_cast<int>(params.dilations[1])}};
  dilation_count(params) == 1 ? launch<1>(params, p, spare, queue) : launch<2>(params, p, spare, queue);
}

}  // namespace sclip
