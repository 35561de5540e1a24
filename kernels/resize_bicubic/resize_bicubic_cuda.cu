// Pillow's antialiased bicubic resize and a centre crop, bit for bit. Classification only: simple, not tuned.
//
// Maths      The weights are f64 sums and quotients, in Pillow's order; everything after them is integers. *_rn
//            intrinsics keep the compiler from contracting where Pillow rounds twice.
// Tiling     Three kernels over a workspace: the taps of both axes, a thread a position, as (taps, S), so that
//            neighbouring positions are neighbouring words; across, a thread a (photo row, column) with its three
//            channels, u8 planes out; down, a thread a value, neighbours reading neighbouring bytes.
// Shared     none.
// Occupancy  256 threads, at most 42 registers: 5 blocks, 62 % of an SM.
// Limit      reading the photo: across reads each byte 2·support times, all but the first from L1.
#include "core/carver.h"
#include "kernels/cuda/launch.h"
#include "kernels/resize_bicubic/resize_bicubic.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256;
constexpr int kFractionBits = 22;

// One axis: positions begin … begin + size of `src` pixels resized to `dst`.
struct Axis {
  int src;
  int begin;
  double scale, stretch, support;
  int* first;    // (S) first source pixel
  int* count;    // (S)
  int* weights;  // (taps, S)
};

struct Bicubic {
  const uint8_t* src;
  int64_t src_stride;  // bytes from a row to the one below
  float* dst;
  Axis across, down;
  uint8_t* narrow;  // (rows, 3, S): the photo's rows that the crop needs, resized across
  int first_row, rows;
  int size;
  float mean[3], std[3];
};

__device__ __forceinline__ double cubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1.0) {
    const double inner = __dsub_rn(__dmul_rn(a + 2.0, x), a + 3.0);
    return __dadd_rn(__dmul_rn(__dmul_rn(inner, x), x), 1.0);
  }
  if (x < 2.0) {
    const double inner = __dadd_rn(__dmul_rn(__dsub_rn(x, 5.0), x), 8.0);
    return __dmul_rn(__dsub_rn(__dmul_rn(inner, x), 4.0), a);
  }
  return 0;
}

__device__ __forceinline__ double filter(const Axis& axis, int j, double centre, double shrink) {
  return cubic(__dmul_rn(__dadd_rn(__dsub_rn(static_cast<double>(j), centre), 0.5), shrink));
}

// grid.y: 0 across, 1 down.
__global__ void __launch_bounds__(kThreads) resize_bicubic_taps_kernel(const __grid_constant__ Bicubic p) {
  const int i = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (i >= p.size) return;
  const Axis& axis = blockIdx.y == 0 ? p.across : p.down;
  const double centre = __dmul_rn(__dadd_rn(static_cast<double>(axis.begin + i), 0.5), axis.scale);
  const int first = max(static_cast<int>(__dadd_rn(__dsub_rn(centre, axis.support), 0.5)), 0);
  const int last = min(static_cast<int>(__dadd_rn(__dadd_rn(centre, axis.support), 0.5)), axis.src);
  const double shrink = __ddiv_rn(1.0, axis.stretch);
  double sum = 0;
  for (int j = first; j < last; ++j) sum = __dadd_rn(sum, filter(axis, j, centre, shrink));
  for (int j = first; j < last; ++j) {
    const double w =
        __dmul_rn(__ddiv_rn(filter(axis, j, centre, shrink), sum), static_cast<double>(1 << kFractionBits));
    axis.weights[static_cast<int64_t>(j - first) * p.size + i] =
        static_cast<int>(w < 0 ? __dsub_rn(w, 0.5) : __dadd_rn(w, 0.5));
  }
  axis.first[i] = first;
  axis.count[i] = last - first;
}

__device__ __forceinline__ int round_to_byte(int sum) {
  return min(max(sum >> kFractionBits, 0), 255);  // `sum` began with a half
}

// The offsets are template parameters, and so parts of the addresses.
template <int kBytes, int kRed, int kGreen, int kBlue>
__global__ void __launch_bounds__(kThreads) resize_bicubic_across_kernel(const __grid_constant__ Bicubic p) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= static_cast<int64_t>(p.rows) * p.size) return;
  const int row = static_cast<int>(i / p.size), x = static_cast<int>(i % p.size);
  const uint8_t* from =
      p.src + static_cast<int64_t>(p.first_row + row) * p.src_stride + static_cast<int64_t>(p.across.first[x]) * kBytes;
  const int* weight = p.across.weights + x;
  int r = 1 << (kFractionBits - 1), g = r, b = r;
  for (int j = 0; j < p.across.count[x]; ++j) {
    const int w = weight[static_cast<int64_t>(j) * p.size];
    r += from[kBytes * j + kRed] * w;
    g += from[kBytes * j + kGreen] * w;
    b += from[kBytes * j + kBlue] * w;
  }
  uint8_t* to = p.narrow + static_cast<int64_t>(row) * 3 * p.size + x;
  to[0] = static_cast<uint8_t>(round_to_byte(r));
  to[p.size] = static_cast<uint8_t>(round_to_byte(g));
  to[2 * p.size] = static_cast<uint8_t>(round_to_byte(b));
}

__global__ void __launch_bounds__(kThreads) resize_bicubic_down_kernel(const __grid_constant__ Bicubic p) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int row_bytes = 3 * p.size;
  if (i >= static_cast<int64_t>(p.size) * row_bytes) return;
  const int y = static_cast<int>(i / row_bytes), column = static_cast<int>(i % row_bytes);
  const int channel = column / p.size, x = column % p.size;
  const uint8_t* from = p.narrow + static_cast<int64_t>(p.down.first[y] - p.first_row) * row_bytes + column;
  int sum = 1 << (kFractionBits - 1);
  for (int j = 0; j < p.down.count[y]; ++j) {
    sum += from[static_cast<int64_t>(j) * row_bytes] * p.down.weights[static_cast<int64_t>(j) * p.size + y];
  }
  const float mean = channel == 0 ? p.mean[0] : channel == 1 ? p.mean[1] : p.mean[2];
  const float std = channel == 0 ? p.std[0] : channel == 1 ? p.std[1] : p.std[2];
  p.dst[(static_cast<int64_t>(channel) * p.size + y) * p.size + x] =
      __fdiv_rn(__fsub_rn(static_cast<float>(round_to_byte(sum)), mean), std);
}

Axis make_axis(int64_t src, int64_t shortest, int64_t size) {
  const int64_t dst = src * size / shortest;
  const double scale = static_cast<double>(src) / static_cast<double>(dst);
  const double stretch = std::max(scale, 1.0);
  return {.src = static_cast<int>(src),
          .begin = static_cast<int>(bicubic_crop_begin(dst, size)),
          .scale = scale,
          .stretch = stretch,
          .support = 2.0 * stretch,
          .first = nullptr,
          .count = nullptr,
          .weights = nullptr};
}

int64_t max_taps(const Axis& axis) {
  return static_cast<int64_t>(std::ceil(axis.support)) * 2 + 1;
}

// Where things lie in the workspace.
struct Layout {
  Bicubic p;
  size_t bytes;
};

Layout plan(const ResizeBicubicParams& params, void* workspace) {
  check_params(params);
  const int64_t shortest = std::min(params.src.height, params.src.width);
  Layout layout{.p = {.src = params.src.pixels,
                      .src_stride = params.src.stride(),
                      .dst = params.dst,
                      .across = make_axis(params.src.width, shortest, params.size),
                      .down = make_axis(params.src.height, shortest, params.size),
                      .narrow = nullptr,
                      .first_row = 0,
                      .rows = 0,
                      .size = static_cast<int>(params.size),
                      .mean = {params.mean[0], params.mean[1], params.mean[2]},
                      .std = {params.std[0], params.std[1], params.std[2]}},
                .bytes = 0};
  Bicubic& p = layout.p;
  // The rows of the first and the last position, as the kernel computes them.
  const auto centre = [&](int64_t i) { return (static_cast<double>(p.down.begin + i) + 0.5) * p.down.scale; };
  const auto first = static_cast<int64_t>(centre(0) - p.down.support + 0.5);
  const auto last = static_cast<int64_t>(centre(p.size - 1) + p.down.support + 0.5);
  p.first_row = static_cast<int>(std::max<int64_t>(first, 0));
  p.rows = static_cast<int>(std::min<int64_t>(last, params.src.height)) - p.first_row;

  Carver carver(workspace);
  for (Axis* axis : {&p.across, &p.down}) {
    carver.take(axis->first, params.size);
    carver.take(axis->count, params.size);
    carver.take(axis->weights, params.size * max_taps(*axis));
  }
  carver.take(p.narrow, static_cast<int64_t>(p.rows) * 3 * params.size);
  layout.bytes = carver.bytes();
  return layout;
}

}  // namespace

size_t resize_bicubic_cuda_workspace(const ResizeBicubicParams& params) {
  return plan(params, nullptr).bytes;
}

void resize_bicubic_cuda(const ResizeBicubicParams& params, void* workspace, CudaQueue queue) {
  const Bicubic p = plan(params, workspace).p;
  const int64_t size = params.size;
  resize_bicubic_taps_kernel<<<dim3(grid_size(ceil_div(size, kThreads)), 2), kThreads, 0, queue.stream>>>(p);
  const unsigned across_blocks = grid_size(ceil_div(p.rows * size, kThreads));
  with_channel_order(params.src.order, [&](auto order) {
    constexpr PixelLayout kPixel = pixel_layout(decltype(order)::value);
    resize_bicubic_across_kernel<kPixel.bytes, kPixel.red, kPixel.green, kPixel.blue>
        <<<across_blocks, kThreads, 0, queue.stream>>>(p);
  });
  resize_bicubic_down_kernel<<<grid_size(ceil_div(3 * size * size, kThreads)), kThreads, 0, queue.stream>>>(p);
  check_launch("resize_bicubic", params.src.width, "×", params.src.height, " to ", size, "×", size);
}

}  // namespace sclip
