// u8 photo → normalised f32 planes, in the fixed point of the contract, bit for bit.
//
// Maths      Everything after the taps is integers; the last step is one f32 subtraction and one division. The taps
//            (two pixels and two weights of 11 bits) of a column or row take three f64 operations. Consumer devices do
//            f64 at 1/64 of the f32 rate, so a block computes its taps once: 48 for 512 pixels. The f64 quotient
//            src/dst is the same for all of them and comes from the host. *_rn intrinsics keep the compiler from
//            contracting products and sums where the rule rounds twice.
// Order      Where the channels lie in a pixel is a template parameter, and so a part of the addresses.
// Tiling     A block is 32 columns × 16 rows; a warp has two rows, its lanes are neighbouring columns: stores are 128
//            contiguous bytes a plane. A pixel reads 12 bytes, which neighbours share in L1.
// Shared     768 bytes of taps.
// Occupancy  256 threads, at most 40 registers: 6 blocks, 75 % of an SM.
// Limit      DRAM: 12 bytes written a pixel, and of the photo the sectors that two rows in src/dst touch.
#include "kernels/cuda/launch.h"
#include "kernels/resize_normalize/resize_normalize.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kColumns = 32;
constexpr int kRows = 16;
constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

struct Tap {
  int first, second;  // pixels
  int w0, w1;         // of 2048
};

// `outside`: columns that reach outside the photo weigh nothing there; rows keep their weights.
__device__ __forceinline__ Tap make_tap(int i, double scale, int src, bool outside) {
  const double centre = __dmul_rn(__dadd_rn(static_cast<double>(i), 0.5), scale);
  float f = __double2float_rn(__dsub_rn(centre, 0.5));
  const float floor = floorf(f);
  f = __fsub_rn(f, floor);
  int s = static_cast<int>(floor);
  if (outside && (s < 0 || s >= src - 1)) {
    s = min(max(s, 0), src - 1);
    f = 0;
  }
  return {min(max(s, 0), src - 1), min(max(s + 1, 0), src - 1),
          static_cast<int>(rintf(__fmul_rn(__fsub_rn(1.0f, f), 2048.0f))),
          static_cast<int>(rintf(__fmul_rn(f, 2048.0f)))};
}

struct Resize {
  const uint8_t* src;
  int64_t src_stride;  // bytes from a row to the one below
  float* dst;
  int64_t row_stride, plane_stride;
  int src_height, src_width, dst_height, dst_width;
  bool paired;  // src holds two rows for each of dst, and src_height is the photo's
  double scale_x, scale_y;
  float mean[3], std[3];
  int tiles_x;
};

template <int kBytes, int kRed, int kGreen, int kBlue>
__global__ void __launch_bounds__(kThreads) resize_normalize_kernel(const __grid_constant__ Resize p) {
  // Four arrays and not an array of taps: lanes read neighbouring words.
  __shared__ int first[kColumns + kRows], second[kColumns + kRows], w0[kColumns + kRows], w1[kColumns + kRows];
  const int tile_x = static_cast<int>(blockIdx.x) % p.tiles_x * kColumns;
  const int tile_y = static_cast<int>(blockIdx.x) / p.tiles_x * kRows;
  if (threadIdx.x < kColumns + kRows) {
    const int i = static_cast<int>(threadIdx.x);
    const Tap tap = i < kColumns ? make_tap(tile_x + i, p.scale_x, p.src_width, true)
                                 : make_tap(tile_y + i - kColumns, p.scale_y, p.src_height, false);
    const bool pair = p.paired && i >= kColumns;
    first[i] = pair ? 2 * (tile_y + i - kColumns) : tap.first;
    second[i] = pair ? first[i] + 1 : tap.second;
    w0[i] = tap.w0;
    w1[i] = tap.w1;
  }
  __syncthreads();

  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int x = tile_x + lane;
  if (x >= p.dst_width) return;
  const int left = kBytes * first[lane], right = kBytes * second[lane];
  const int w_left = w0[lane], w_right = w1[lane];
#pragma unroll
  for (int i = 0; i < kRows / kWarps; ++i) {
    const int row = static_cast<int>(threadIdx.x) / 32 + i * kWarps;
    const int y = tile_y + row;
    if (y >= p.dst_height) return;
    const uint8_t* upper = p.src + static_cast<int64_t>(first[kColumns + row]) * p.src_stride;
    const uint8_t* lower = p.src + static_cast<int64_t>(second[kColumns + row]) * p.src_stride;
    const int v0 = w0[kColumns + row], v1 = w1[kColumns + row];
    float* out = p.dst + static_cast<int64_t>(y) * p.row_stride + x;
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const int at = c == 0 ? kRed : c == 1 ? kGreen : kBlue;
      const int a0 = upper[left + at] * w_left + upper[right + at] * w_right;
      const int a1 = lower[left + at] * w_left + lower[right + at] * w_right;
      const int value = ((((a0 >> 4) * v0) >> 16) + (((a1 >> 4) * v1) >> 16) + 2) >> 2;
      out[c * p.plane_stride] = __fdiv_rn(__fsub_rn(static_cast<float>(value), p.mean[c]), p.std[c]);
    }
  }
}

}  // namespace

void resize_normalize_cuda(const ResizeNormalizeParams& p, CudaQueue queue) {
  check_params(p);
  const auto scale = [](int64_t src, int64_t dst) {
    return 1.0 / (static_cast<double>(dst) / static_cast<double>(src));
  };
  const int64_t tiles_x = ceil_div(p.dst_width, kColumns);
  const int64_t tiles_y = ceil_div(p.dst_height, kRows);
  const Resize resize{.src = p.src.pixels,
                      .src_stride = p.src.stride(),
                      .dst = p.dst,
                      .row_stride = p.row_stride(),
                      .plane_stride = p.plane_stride(),
                      .src_height = static_cast<int>(p.height()),
                      .src_width = p.src.width,
                      .dst_height = static_cast<int>(p.dst_height),
                      .dst_width = static_cast<int>(p.dst_width),
                      .paired = p.paired(),
                      .scale_x = scale(p.src.width, p.dst_width),
                      .scale_y = scale(p.height(), p.dst_height),
                      .mean = {p.mean[0], p.mean[1], p.mean[2]},
                      .std = {p.std[0], p.std[1], p.std[2]},
                      .tiles_x = static_cast<int>(tiles_x)};
  const unsigned blocks = grid_size(tiles_x * tiles_y);
  with_channel_order(p.src.order, [&](auto order) {
    constexpr PixelLayout kPixel = pixel_layout(decltype(order)::value);
    resize_normalize_kernel<kPixel.bytes, kPixel.red, kPixel.green, kPixel.blue>
        <<<blocks, kThreads, 0, queue.stream>>>(resize);
  });
  check_launch("resize_normalize", p.src.width, "×", p.src.height, " to ", p.dst_width, "×", p.dst_height);
}

}  // namespace sclip
