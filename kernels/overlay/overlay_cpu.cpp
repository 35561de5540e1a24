#include "kernels/overlay/overlay.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/overlay/overlay_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef SCLIP_OVERLAY_TYPES
#define SCLIP_OVERLAY_TYPES
namespace sclip {
namespace {

constexpr int64_t kTintLanes = 32;

// A class's part of the blend: (photo · keep + added) / 255, where x / 255 = ((x + 128) + ((x + 128) >> 8)) >> 8
// rounds correctly below 2^16. The 128 is in `added`, which repeats R, G, B: three vectors hold whole pixels.
struct Tint {
  uint16_t added[3 * kTintLanes];
  uint16_t keep;
};

enum Edge : uint8_t { kInside = 0, kHalo = 1, kCore = 2 };

// A row of labels and those that decide whether it lies on a border; outside the photo, the row itself.
template <typename T>
struct LabelRows {
  const T* row;
  const T* near[2];  // `line` above and below
  const T* far[2];   // 2·`line` above and below
};

}  // namespace
}  // namespace sclip
#endif

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Blends as many whole steps of three vectors as fit, from byte i on; returns the first byte left.
template <class D>
HWY_INLINE int64_t FillSteps(D d, const uint8_t* photo, int64_t i, int64_t bytes, const Tint& tint, uint8_t* dst) {
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint8_t, D> d8;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto tint0 = hn::LoadU(d, tint.added);
  const auto tint1 = hn::LoadU(d, tint.added + lanes);
  const auto tint2 = hn::LoadU(d, tint.added + 2 * lanes);
  const auto keep = hn::Set(d, tint.keep);
  const auto blend = [&](int64_t at, auto added) HWY_ATTR {
    const auto x = hn::Add(hn::Mul(hn::PromoteTo(d, hn::LoadU(d8, photo + at)), keep), added);
    const auto y = hn::ShiftRight<8>(hn::Add(x, hn::ShiftRight<8>(x)));
    hn::StoreU(hn::DemoteTo(d8, hn::BitCast(di, y)), d8, dst + at);
  };
  for (; i + 3 * lanes <= bytes; i += 3 * lanes) {
    blend(i, tint0);
    blend(i + lanes, tint1);
    blend(i + 2 * lanes, tint2);
  }
  return i;
}

// `pixels` pixels of one class.
void FillRun(const uint8_t* photo, int64_t pixels, const Tint& tint, uint8_t* dst) {
  const int64_t bytes = 3 * pixels;
  int64_t i = FillSteps(hn::CappedTag<uint16_t, kTintLanes>(), photo, 0, bytes, tint, dst);
  i = FillSteps(hn::CappedTag<uint16_t, 8>(), photo, i, bytes, tint, dst);
  for (int64_t j = 0; i < bytes; ++i, ++j) {
    const int x = photo[i] * tint.keep + tint.added[j];
    dst[i] = static_cast<uint8_t>((x + (x >> 8)) >> 8);
  }
}

template <typename T>
HWY_INLINE Edge EdgeAt(const LabelRows<T>& rows, int64_t width, int64_t line, int64_t x) {
  const T label = rows.row[x];
  const auto differs = [&](const T* const* vertical, int64_t distance) {
    return vertical[0][x] != label || vertical[1][x] != label || (x >= distance && rows.row[x - distance] != label) ||
           (x + distance < width && rows.row[x + distance] != label);
  };
  if (differs(rows.near, line)) return kCore;
  return differs(rows.far, 2 * line) ? kHalo : kInside;
}

HWY_INLINE void StoreEdges(hn::ScalableTag<uint8_t> d, hn::Vec<hn::ScalableTag<uint8_t>> v, uint8_t* to) {
  hn::StoreU(v, d, to);
}

HWY_INLINE void StoreEdges(hn::ScalableTag<uint16_t> d, hn::Vec<hn::ScalableTag<uint16_t>> v, uint8_t* to) {
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  hn::StoreU(hn::DemoteTo(d8, hn::BitCast(di, v)), d8, to);
}

template <typename T>
HWY_INLINE void FindEdges(const LabelRows<T>& rows, int64_t width, int64_t line, uint8_t* edges) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t x = 0;
  for (; x < std::min(width, 2 * line); ++x) edges[x] = EdgeAt(rows, width, line, x);
  for (; x + lanes + 2 * line <= width; x += lanes) {
    const auto label = hn::LoadU(d, rows.row + x);
    const auto differs = [&](const T* const* vertical, int64_t distance) HWY_ATTR {
      const auto sides = hn::Or(hn::Xor(label, hn::LoadU(d, rows.row + x - distance)),
                                hn::Xor(label, hn::LoadU(d, rows.row + x + distance)));
      const auto ends =
          hn::Or(hn::Xor(label, hn::LoadU(d, vertical[0] + x)), hn::Xor(label, hn::LoadU(d, vertical[1] + x)));
      return hn::Ne(hn::Or(sides, ends), hn::Zero(d));
    };
    const auto halo = hn::IfThenElseZero(differs(rows.far, 2 * line), hn::Set(d, T{kHalo}));
    StoreEdges(d, hn::IfThenElse(differs(rows.near, line), hn::Set(d, T{kCore}), halo), edges + x);
  }
  for (; x < width; ++x) edges[x] = EdgeAt(rows, width, line, x);
}

void FindEdges8(const LabelRows<uint8_t>& rows, int64_t width, int64_t line, uint8_t* edges) {
  FindEdges(rows, width, line, edges);
}

void FindEdges16(const LabelRows<uint16_t>& rows, int64_t width, int64_t line, uint8_t* edges) {
  FindEdges(rows, width, line, edges);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {
namespace {

HWY_EXPORT(FillRun);
HWY_EXPORT(FindEdges8);
HWY_EXPORT(FindEdges16);

constexpr int64_t kRowsPerTask = 32;

void find_edges(const LabelRows<uint8_t>& rows, int64_t width, int64_t line, uint8_t* edges) {
  HWY_DYNAMIC_DISPATCH(FindEdges8)(rows, width, line, edges);
}

void find_edges(const LabelRows<uint16_t>& rows, int64_t width, int64_t line, uint8_t* edges) {
  HWY_DYNAMIC_DISPATCH(FindEdges16)(rows, width, line, edges);
}

std::vector<Tint> make_tints(const uint8_t* colors, int64_t classes) {
  std::vector<Tint> tints(static_cast<size_t>(classes));
  for (Tint& tint : tints) {
    const int opacity = colors[3];
    for (int64_t i = 0; i < 3 * kTintLanes; ++i) tint.added[i] = static_cast<uint16_t>(colors[i % 3] * opacity + 128);
    tint.keep = static_cast<uint16_t>(255 - opacity);
    colors += 4;
  }
  return tints;
}

// Neighbouring pixels mostly share a label: a row is filled run by run.
template <typename T>
void fill_row(const std::vector<Tint>& tints, const T* labels, int64_t width, const uint8_t* photo, uint8_t* dst) {
  const auto fill_run = HWY_DYNAMIC_DISPATCH(FillRun);
  for (int64_t begin = 0; begin < width;) {
    const T label = labels[begin];
    int64_t end = begin + 1;
    while (end < width && labels[end] == label) ++end;
    if (label < tints.size()) {
      fill_run(photo + 3 * begin, end - begin, tints[label], dst + 3 * begin);
    } else {
      std::memmove(dst + 3 * begin, photo + 3 * begin, static_cast<size_t>(3 * (end - begin)));
    }
    begin = end;
  }
}

void draw_line(const uint8_t* edges, int64_t width, uint8_t* dst) {
  constexpr int64_t kBlock = 8;
  for (int64_t x = 0; x < width; ++x) {
    if (uint64_t eight = 0; x + kBlock <= width) {
      std::memcpy(&eight, edges + x, kBlock);
      if (eight == 0) {
        x += kBlock - 1;
        continue;
      }
    }
    if (edges[x] == kInside) continue;
    const int opacity = edges[x] == kCore ? kCoreOpacity : kHaloOpacity;
    const int over = edges[x] == kCore ? 255 * kCoreOpacity : 0;
    for (int64_t c = 0; c < 3; ++c) {
      uint8_t& value = dst[3 * x + c];
      value = static_cast<uint8_t>((value * (255 - opacity) + over + 127) / 255);
    }
  }
}

template <typename T>
void overlay(const OverlayParams& p, CpuQueue queue) {
  const auto* labels = static_cast<const T*>(p.labels);
  const std::vector<Tint> tints = make_tints(p.colors, p.classes);
  queue.scratch->reserve_workers(queue.pool->threads_here(), static_cast<size_t>(p.width));
  queue.pool->parallel_for_workers((p.height + kRowsPerTask - 1) / kRowsPerTask, [&](int worker, int64_t task) {
    auto* edges = reinterpret_cast<uint8_t*>(queue.scratch->worker(worker));
    const int64_t end = std::min(p.height, (task + 1) * kRowsPerTask);
    for (int64_t y = task * kRowsPerTask; y < end; ++y) {
      uint8_t* dst = p.dst + y * p.dst_stride;
      fill_row(tints, labels + y * p.width, p.width, p.photo + y * p.width * 3, dst);
      if (p.line == 0) continue;
      const auto row = [&](int64_t offset) {
        return labels + (y + offset >= 0 && y + offset < p.height ? y + offset : y) * p.width;
      };
      find_edges(LabelRows<T>{row(0), {row(-p.line), row(p.line)}, {row(-2 * p.line), row(2 * p.line)}}, p.width,
                 p.line, edges);
      draw_line(edges, p.width, dst);
    }
  });
}

}  // namespace

void overlay_cpu(const OverlayParams& params, CpuQueue queue) {
  check_params(params);
  if (params.labels_dtype == DType::kU8) {
    overlay<uint8_t>(params, queue);
  } else {
    overlay<uint16_t>(params, queue);
  }
}

}  // namespace sclip
#endif
