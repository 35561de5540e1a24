#include <algorithm>
#include <cmath>
#include <span>

#include "kernels/resize_normalize/resize_normalize.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/resize_normalize/resize_normalize_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// One row of one channel: two horizontal passes (already >> 4, so 15 bits) → u8 value → normalised f32.
// MulHigh is the (a · v) >> 16 of the contract.
void BlendRow(const int16_t* HWY_RESTRICT upper, const int16_t* HWY_RESTRICT lower, int16_t v0, int16_t v1, float mean,
              float std, int64_t width, float* HWY_RESTRICT out) {
  const hn::ScalableTag<float> df;
  const hn::Rebind<int16_t, decltype(df)> d16;  // as many lanes as df has
  const hn::Rebind<int32_t, decltype(df)> d32;
  const auto w0 = hn::Set(d16, v0);
  const auto w1 = hn::Set(d16, v1);
  const auto blend = [&](auto a0, auto a1) HWY_ATTR {
    const auto sum = hn::Add(hn::MulHigh(a0, w0), hn::MulHigh(a1, w1));
    const auto u8 = hn::ShiftRight<2>(hn::Add(sum, hn::Set(d16, 2)));
    const auto value = hn::ConvertTo(df, hn::PromoteTo(d32, u8));
    return hn::Div(hn::Sub(value, hn::Set(df, mean)), hn::Set(df, std));
  };
  const auto lanes = static_cast<int64_t>(hn::Lanes(df));
  int64_t x = 0;
  for (; x + lanes <= width; x += lanes) {
    hn::StoreU(blend(hn::LoadU(d16, upper + x), hn::LoadU(d16, lower + x)), df, out + x);
  }
  for (; x < width; ++x) {
    const int sum = ((upper[x] * v0) >> 16) + ((lower[x] * v1) >> 16);
    out[x] = (static_cast<float>((sum + 2) >> 2) - mean) / std;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {
namespace {

HWY_EXPORT(BlendRow);

constexpr int64_t kRowsPerTask = 16;

struct Column {
  int32_t first, second;  // byte offsets of the two pixels in a row
  int16_t w0, w1;
};

// floor and fraction of the source coordinate, in OpenCV's order of roundings.
std::pair<int64_t, float> source_coordinate(int64_t i, int64_t src, int64_t dst) {
  const double scale = 1.0 / (static_cast<double>(dst) / static_cast<double>(src));
  const auto f = static_cast<float>((static_cast<double>(i) + 0.5) * scale - 0.5);
  const float floor = std::floor(f);
  return {static_cast<int64_t>(floor), f - floor};
}

int16_t fixed_point(float weight) {
  return static_cast<int16_t>(std::rint(weight * 2048.f));
}

void make_columns(int64_t src_width, int pixel_bytes, std::span<Column> columns) {
  const auto dst_width = static_cast<int64_t>(columns.size());
  for (int64_t x = 0; x < dst_width; ++x) {
    auto [s, f] = source_coordinate(x, src_width, dst_width);
    if (s < 0 || s >= src_width - 1) {
      s = std::clamp<int64_t>(s, 0, src_width - 1);
      f = 0;
    }
    const int64_t next = std::min(s + 1, src_width - 1);
    columns[static_cast<size_t>(x)] = {static_cast<int32_t>(pixel_bytes * s), static_cast<int32_t>(pixel_bytes * next),
                                       fixed_point(1.f - f), fixed_point(f)};
  }
}

// Horizontal pass of one photo row into three planes of 15-bit values.
template <ChannelOrder kOrder>
void resize_across(const uint8_t* row, std::span<const Column> columns, int16_t* planes) {
  constexpr PixelLayout kLayout = pixel_layout(kOrder);
  const size_t width = columns.size();
  int16_t* const red = planes;
  int16_t* const green = planes + width;
  int16_t* const blue = planes + 2 * width;
  for (size_t x = 0; x < width; ++x) {
    const Column& column = columns[x];
    const uint8_t* a = row + static_cast<size_t>(column.first);
    const uint8_t* b = row + static_cast<size_t>(column.second);
    const int w0 = column.w0, w1 = column.w1;
    red[x] = static_cast<int16_t>((a[kLayout.red] * w0 + b[kLayout.red] * w1) >> 4);
    green[x] = static_cast<int16_t>((a[kLayout.green] * w0 + b[kLayout.green] * w1) >> 4);
    blue[x] = static_cast<int16_t>((a[kLayout.blue] * w0 + b[kLayout.blue] * w1) >> 4);
  }
}

// The last two photo rows that were resized across; enlarging uses each several times.
template <ChannelOrder kOrder>
class RowCache {
 public:
  static size_t bytes(int64_t width) { return 2 * 3 * static_cast<size_t>(width) * sizeof(int16_t); }
  RowCache(const ResizeNormalizeParams& params, std::span<const Column> columns, std::byte* memory)
      : params_(params), columns_(columns), values_(reinterpret_cast<int16_t*>(memory)) {}

  const int16_t* get(int64_t y) {
    const auto slot = static_cast<size_t>(y & 1);
    int16_t* planes = values_ + slot * 3 * columns_.size();
    if (rows_[slot] != y) {
      resize_across<kOrder>(params_.src.row(y), columns_, planes);
      rows_[slot] = y;
    }
    return planes;
  }

 private:
  const ResizeNormalizeParams& params_;
  std::span<const Column> columns_;
  int16_t* values_;
  std::array<int64_t, 2> rows_{-1, -1};
};

}  // namespace

SourceRows source_rows(int64_t y, int64_t photo_height, int64_t dst_height) {
  const int64_t s = source_coordinate(y, photo_height, dst_height).first;
  return {std::clamp<int64_t>(s, 0, photo_height - 1), std::clamp<int64_t>(s + 1, 0, photo_height - 1)};
}

void resize_normalize_cpu(const ResizeNormalizeParams& p, CpuQueue queue) {
  check_params(p);
  const auto width = static_cast<size_t>(p.dst_width);
  const std::span columns(reinterpret_cast<Column*>(queue.scratch->shared(width * sizeof(Column))), width);
  make_columns(p.src.width, pixel_layout(p.src.order).bytes, columns);
  const auto blend_row = HWY_DYNAMIC_DISPATCH(BlendRow);
  with_channel_order(p.src.order, [&](auto order) {
    using Cache = RowCache<decltype(order)::value>;
    queue.scratch->reserve_workers(queue.pool->threads_here(), Cache::bytes(p.dst_width));
    queue.pool->parallel_for_workers((p.dst_height + kRowsPerTask - 1) / kRowsPerTask, [&](int worker, int64_t task) {
      Cache cache(p, columns, queue.scratch->worker(worker));
      const int64_t end = std::min(p.dst_height, (task + 1) * kRowsPerTask);
      for (int64_t y = task * kRowsPerTask; y < end; ++y) {
        const float f = source_coordinate(y, p.height(), p.dst_height).second;
        const SourceRows rows = p.paired() ? SourceRows{2 * y, 2 * y + 1} : source_rows(y, p.height(), p.dst_height);
        // Neighbours lie in different slots of the cache; clamped to one row, they share it.
        const int16_t* upper = cache.get(rows.upper);
        const int16_t* lower = cache.get(rows.lower);
        for (int64_t c = 0; c < 3; ++c) {
          const auto channel = static_cast<size_t>(c);
          blend_row(upper + c * p.dst_width, lower + c * p.dst_width, fixed_point(1.f - f), fixed_point(f),
                    p.mean[channel], p.std[channel], p.dst_width, p.dst + c * p.plane_stride() + y * p.row_stride());
        }
      }
    });
  });
}

}  // namespace sclip
#endif
