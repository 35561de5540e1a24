#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/resize_bicubic/resize_bicubic.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/resize_bicubic/resize_bicubic_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef SCLIP_RESIZE_BICUBIC_TAPS
#define SCLIP_RESIZE_BICUBIC_TAPS
namespace sclip {
namespace {

constexpr int64_t kLane = 16;  // weights and planes are padded to this many elements: AVX-512's i32 lanes
constexpr int kFractionBits = 22;

// The filter of one axis, for the output positions inside the crop.
struct Taps {
  int64_t stride = 0;            // elements between the weights of two positions, a multiple of kLane
  int64_t origin = 0;            // first source index of all
  int64_t extent = 0;            // source indices used, from `origin` on
  std::vector<int32_t> first;    // first source index of each position, counted from `origin`
  std::vector<int32_t> count;    // taps of each position
  std::vector<int32_t> weights;  // (positions, stride), zero after `count`
};

}  // namespace
}  // namespace sclip
#endif

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D32 = hn::CappedTag<int32_t, kLane>;
using D8 = hn::Rebind<uint8_t, D32>;

HWY_INLINE uint8_t RoundToByte(int32_t sum) {
  return static_cast<uint8_t>(std::clamp((sum + (1 << (kFractionBits - 1))) >> kFractionBits, 0, 255));
}

// `width` pixels → three planes `stride` apart: R, G, B.
void SplitRow(const uint8_t* HWY_RESTRICT row, ChannelOrder order, int64_t width, int64_t stride,
              uint8_t* HWY_RESTRICT planes) {
  const hn::ScalableTag<uint8_t> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const PixelLayout layout = pixel_layout(order);
  uint8_t* red = planes;
  uint8_t* green = planes + stride;
  uint8_t* blue = planes + 2 * stride;
  if (layout.red > layout.blue) std::swap(red, blue);  // `red` is where the pixel's first channel goes
  int64_t x = 0;
  if (layout.bytes == 3) {
    for (; x + lanes <= width; x += lanes) {
      V first, second, third;
      hn::LoadInterleaved3(d, row + 3 * x, first, second, third);
      hn::StoreU(first, d, red + x);
      hn::StoreU(second, d, green + x);
      hn::StoreU(third, d, blue + x);
    }
  } else if (layout.bytes == 4) {
    for (; x + lanes <= width; x += lanes) {
      V first, second, third, alpha;
      hn::LoadInterleaved4(d, row + 4 * x, first, second, third, alpha);
      hn::StoreU(first, d, red + x);
      hn::StoreU(second, d, green + x);
      hn::StoreU(third, d, blue + x);
    }
  }
  for (; x < width; ++x) {
    const uint8_t* pixel = row + x * layout.bytes;
    planes[x] = pixel[layout.red];
    planes[stride + x] = pixel[layout.green];
    planes[2 * stride + x] = pixel[layout.blue];
  }
}

// One channel of one row: dot products along the row. `plane` may be read up to kLane past its last tap.
void ResizeAcross(const uint8_t* HWY_RESTRICT plane, const Taps& taps, uint8_t* HWY_RESTRICT out) {
  const D32 d;
  const D8 d8;
  const auto lanes = static_cast<int32_t>(hn::Lanes(d));
  for (size_t i = 0; i < taps.first.size(); ++i) {
    const uint8_t* source = plane + taps.first[i];
    const int32_t* weights = taps.weights.data() + static_cast<int64_t>(i) * taps.stride;
    auto sum = hn::Zero(d);
    for (int32_t j = 0; j < taps.count[i]; j += lanes) {
      sum = hn::Add(sum, hn::Mul(hn::PromoteTo(d, hn::LoadU(d8, source + j)), hn::LoadU(d, weights + j)));
    }
    out[i] = RoundToByte(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
}

// One channel of one output row: a weighted sum of `count` rows `stride` apart, then normalised.
void ResizeDown(const uint8_t* HWY_RESTRICT rows, int64_t stride, const int32_t* HWY_RESTRICT weights, int32_t count,
                int64_t width, float mean, float std, float* HWY_RESTRICT out) {
  const D32 d;
  const D8 d8;
  const hn::RebindToFloat<D32> df;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t x = 0;
  for (; x + lanes <= width; x += lanes) {
    auto sum = hn::Set(d, 1 << (kFractionBits - 1));
    for (int32_t j = 0; j < count; ++j) {
      sum = hn::Add(sum, hn::Mul(hn::PromoteTo(d, hn::LoadU(d8, rows + j * stride + x)), hn::Set(d, weights[j])));
    }
    const auto byte = hn::Min(hn::Max(hn::ShiftRight<kFractionBits>(sum), hn::Zero(d)), hn::Set(d, 255));
    const auto centred = hn::Sub(hn::ConvertTo(df, byte), hn::Set(df, mean));
    hn::StoreU(hn::Div(centred, hn::Set(df, std)), df, out + x);
  }
  for (; x < width; ++x) {
    int32_t sum = 0;
    for (int32_t j = 0; j < count; ++j) sum += rows[j * stride + x] * weights[j];
    out[x] = (static_cast<float>(RoundToByte(sum)) - mean) / std;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {
namespace {

HWY_EXPORT(SplitRow);
HWY_EXPORT(ResizeAcross);
HWY_EXPORT(ResizeDown);

constexpr int64_t kRowsPerTask = 16;

int64_t round_up(int64_t n) {
  return (n + kLane - 1) / kLane * kLane;
}

double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0;
}

// Positions begin … begin + count of an axis of `src` pixels resized to `dst`.
Taps make_taps(int64_t src, int64_t dst, int64_t begin, int64_t count) {
  const double scale = static_cast<double>(src) / static_cast<double>(dst);
  const double stretch = std::max(scale, 1.0);
  const double support = 2.0 * stretch;
  Taps taps;
  taps.stride = round_up(static_cast<int64_t>(std::ceil(support)) * 2 + 1);
  taps.weights.resize(static_cast<size_t>(count * taps.stride));
  std::vector<double> exact(static_cast<size_t>(taps.stride));
  for (int64_t i = 0; i < count; ++i) {
    const double centre = (static_cast<double>(begin + i) + 0.5) * scale;
    const auto first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
    const auto last = std::min(static_cast<int64_t>(centre + support + 0.5), src);
    double sum = 0;
    for (int64_t j = first; j < last; ++j) {
      const double w = cubic((static_cast<double>(j) - centre + 0.5) * (1.0 / stretch));
      exact[static_cast<size_t>(j - first)] = w;
      sum += w;
    }
    for (int64_t j = first; j < last; ++j) {
      const double w = exact[static_cast<size_t>(j - first)] / sum * (1 << kFractionBits);
      taps.weights[static_cast<size_t>(i * taps.stride + j - first)] = static_cast<int32_t>(w < 0 ? w - 0.5 : w + 0.5);
    }
    if (i == 0) taps.origin = first;
    taps.extent = last - taps.origin;
    taps.first.push_back(static_cast<int32_t>(first - taps.origin));
    taps.count.push_back(static_cast<int32_t>(last - first));
  }
  return taps;
}

}  // namespace

void resize_bicubic_cpu(const ResizeBicubicParams& p, CpuQueue queue) {
  check_params(p);
  const int64_t shortest = std::min(p.src.height, p.src.width);
  const int64_t height = p.src.height * p.size / shortest;
  const int64_t width = p.src.width * p.size / shortest;
  const int pixel_bytes = pixel_layout(p.src.order).bytes;
  const Taps across = make_taps(p.src.width, width, bicubic_crop_begin(width, p.size), p.size);
  const Taps down = make_taps(p.src.height, height, bicubic_crop_begin(height, p.size), p.size);

  // The photo's rows that the crop needs, resized across: (rows, 3, S).
  const int64_t rows = down.extent;
  const int64_t row_bytes = 3 * p.size;
  auto* narrow = reinterpret_cast<uint8_t*>(queue.scratch->shared(static_cast<size_t>(rows * row_bytes)));

  const int64_t plane_stride = round_up(across.extent) + kLane;
  const auto split_row = HWY_DYNAMIC_DISPATCH(SplitRow);
  const auto resize_across = HWY_DYNAMIC_DISPATCH(ResizeAcross);
  const auto plane_bytes = static_cast<size_t>(3 * plane_stride);
  queue.scratch->reserve_workers(queue.pool->threads_here(), plane_bytes);
  queue.pool->parallel_for_workers((rows + kRowsPerTask - 1) / kRowsPerTask, [&](int worker, int64_t task) {
    auto* planes = reinterpret_cast<uint8_t*>(queue.scratch->worker(worker));
    std::memset(planes, 0, plane_bytes);  // vectors reach beyond the last tap, with weights of 0
    const int64_t end = std::min(rows, (task + 1) * kRowsPerTask);
    for (int64_t y = task * kRowsPerTask; y < end; ++y) {
      split_row(p.src.row(down.origin + y) + across.origin * pixel_bytes, p.src.order, across.extent, plane_stride,
                planes);
      for (int64_t c = 0; c < 3; ++c) {
        resize_across(planes + c * plane_stride, across, narrow + y * row_bytes + c * p.size);
      }
    }
  });

  const auto resize_down = HWY_DYNAMIC_DISPATCH(ResizeDown);
  queue.pool->parallel_for(p.size, [&](int64_t y) {
    const auto i = static_cast<size_t>(y);
    for (int64_t c = 0; c < 3; ++c) {
      const auto channel = static_cast<size_t>(c);
      resize_down(narrow + down.first[i] * row_bytes + c * p.size, row_bytes, down.weights.data() + y * down.stride,
                  down.count[i], p.size, p.mean[channel], p.std[channel], p.dst + (c * p.size + y) * p.size);
    }
  });
}

}  // namespace sclip
#endif
