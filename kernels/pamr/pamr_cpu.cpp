// Weights, once a photo: bands of rows in parallel. A worker keeps the guide's rows around the current one in a ring,
// with margins, and computes vectors of pixels: σ, affinities, softmax over the neighbours (pamr_weights-inl.h).
//
// Iterations, in place: bands of rows in parallel, four planes at a time so that a row's weights, by far the most
// bytes, are read once for four. A worker goes down its band with the rows of the last iteration in a ring, from
// dilation above to dilation below the row that it overwrites. The rows just outside its band are its neighbours' to
// overwrite: they are saved before the iteration begins.
//
// Limited by memory: per pixel, iteration and four planes 4 · P bytes of weights, and 32 of planes.
// Takes besides weights and planes, for the largest dilation d: 16 · (2d + 1) · (W + 2d) bytes a worker and
// 32 · d · W a band; a band has at least 128 rows.
#include <algorithm>
#include <array>

#include "kernels/interpolate/bilinear.h"
#include "kernels/pamr/pamr.h"
#include "kernels/pamr/pamr_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pamr/pamr_cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/pamr/pamr_smooth-inl.h"
#include "kernels/pamr/pamr_weights-inl.h"

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(PamrWeightsRow);
HWY_EXPORT(PamrSmoothRow);

namespace {

int64_t margin_of(const PamrDilations& dilations) {
  return std::max(dilations[0], dilations[1]);
}

// Rows of a ring that holds all within `margin` of one.
int64_t ring_rows(int64_t height, int64_t margin) {
  return std::min(height, 2 * margin + 1);
}

// Rows [begin, end) of band `b`.
struct Bands {
  int64_t height, count;
  int64_t begin(int64_t b) const { return height * b / count; }
  int64_t end(int64_t b) const { return begin(b + 1); }
};

Bands make_bands(int64_t height, int workers, int64_t smallest) {
  return {height, std::clamp<int64_t>(height / smallest, 1, int64_t{2} * workers)};
}

// Calls body(y) for a band's rows, each after load(row) for all rows of the photo that lie at most `margin` off.
template <typename Load, typename Body>
void go_down(const Bands& bands, int64_t band, int64_t margin, const Load& load, const Body& body) {
  int64_t next = std::max<int64_t>(bands.begin(band) - margin, 0);
  for (int64_t y = bands.begin(band); y < bands.end(band); ++y) {
    for (; next <= std::min(y + margin, bands.height - 1); ++next) load(next);
    body(y);
  }
}

using Tap = BilinearTap<int64_t>;

void make_guide_row(const PamrWeightsParams& p, int64_t y, int64_t channel, const Tap* taps, float* out) {
  const Tap ty = bilinear_tap<int64_t>(p.image_height, p.height, y);
  const PamrImageStrides strides = image_strides(p);
  const float* image = p.image + channel * strides.plane;
  if (p.corner != nullptr) image += p.corner->y * strides.row + p.corner->x;
  const float* upper = image + ty.index0 * strides.row;
  const float* lower = image + ty.index1 * strides.row;
  for (int64_t x = 0; x < p.width; ++x) {
    const Tap& tx = taps[x];
    // Differences, so that what is flat in the image is flat in the guide, to the last bit.
    const float above = upper[tx.index0] + tx.weight1 * (upper[tx.index1] - upper[tx.index0]);
    const float below = lower[tx.index0] + tx.weight1 * (lower[tx.index1] - lower[tx.index0]);
    out[x] = above + ty.weight1 * (below - above);
  }
}

// Planes first … first + planes − 1 of a call.
class Smoother {
 public:
  Smoother(const PamrParams& p, int64_t planes, CpuQueue queue)
      : p_(p),
        planes_(planes),
        margin_(margin_of(p.dilations)),
        bands_(make_bands(p.height, queue.pool->threads_here(), 128)),
        queue_(queue) {
    queue.scratch->reserve_workers(
        queue.pool->threads_here(),
        sizeof(float) * static_cast<size_t>(PamrRing::floats(p.width, margin_, ring_rows(p.height, margin_), planes)));
    outside_ = reinterpret_cast<float*>(
        queue.scratch->shared(sizeof(float) * static_cast<size_t>(bands_.count * planes * 2 * margin_ * p.width)));
  }

  void iterate(float* planes) const {
    queue_.pool->parallel_for(bands_.count, [&](int64_t band) { save_outside(planes, band); });
    queue_.pool->parallel_for_workers(bands_.count,
                                      [&](int worker, int64_t band) { smooth_band(planes, worker, band); });
  }

 private:
  int64_t pixels() const { return p_.height * p_.width; }
  // Where a row outside the band is saved: `margin` rows above the band, then as many below.
  float* outside(int64_t band, int64_t y, int64_t plane) const {
    const int64_t slot = y < bands_.begin(band) ? bands_.begin(band) - 1 - y : margin_ + y - bands_.end(band);
    return outside_ + ((band * planes_ + plane) * 2 * margin_ + slot) * p_.width;
  }

  void save_outside(const float* planes, int64_t band) const {
    const auto save = [&](int64_t from, int64_t to) {
      for (int64_t y = std::max<int64_t>(from, 0); y < std::min(to, p_.height); ++y) {
        for (int64_t k = 0; k < planes_; ++k) {
          std::copy_n(planes + k * pixels() + y * p_.width, p_.width, outside(band, y, k));
        }
      }
    };
    save(bands_.begin(band) - margin_, bands_.begin(band));
    save(bands_.end(band), bands_.end(band) + margin_);
  }

  void smooth_band(float* planes, int worker, int64_t band) const {
    const PamrRing ring{p_.width, margin_, ring_rows(p_.height, margin_), planes_,
                        reinterpret_cast<float*>(queue_.scratch->worker(worker))};
    const auto load = [&](int64_t y) {
      const bool inside = y >= bands_.begin(band) && y < bands_.end(band);
      for (int64_t k = 0; k < planes_; ++k) {
        const float* from = inside ? planes + k * pixels() + y * p_.width : outside(band, y, k);
        std::copy_n(from, p_.width, ring.row(y, k));
        ring.fill_margins(y, k);
      }
    };
    const auto smooth_row = HWY_DYNAMIC_DISPATCH(PamrSmoothRow);
    go_down(bands_, band, margin_, load, [&](int64_t y) {
      PamrPlaneRow row{.neighbours = static_cast<int>(pamr_neighbours(p_.dilations)),
                       .weights = {},
                       .from = {},
                       .from_step = ring.pitch(),
                       .out = planes + y * p_.width,
                       .out_step = pixels()};
      for_each_neighbour(p_.dilations, [&](int n, int64_t dy, int64_t dx) {
        row.weights[n] = p_.weights + n * pixels() + y * p_.width;
        row.from[n] = ring.row(std::clamp<int64_t>(y + dy, 0, p_.height - 1), 0) + dx;
      });
      smooth_row(row, planes_, p_.width);
    });
  }

  const PamrParams& p_;
  int64_t planes_, margin_;
  Bands bands_;
  CpuQueue queue_;
  float* outside_;
};

}  // namespace

void pamr_weights_cpu(const PamrWeightsParams& p, CpuQueue queue) {
  check_params(p);
  const int64_t margin = margin_of(p.dilations), pixels = p.height * p.width;
  const int workers = queue.pool->threads_here();
  queue.scratch->reserve_workers(
      workers, sizeof(float) * static_cast<size_t>(PamrRing::floats(p.width, margin, ring_rows(p.height, margin), 3)));
  Tap* taps = reinterpret_cast<Tap*>(queue.scratch->shared(sizeof(Tap) * static_cast<size_t>(p.width)));
  for (int64_t x = 0; x < p.width; ++x) taps[x] = bilinear_tap<int64_t>(p.image_width, p.width, x);

  const Bands bands = make_bands(p.height, workers, 64);
  const auto weights_row = HWY_DYNAMIC_DISPATCH(PamrWeightsRow);
  queue.pool->parallel_for_workers(bands.count, [&](int worker, int64_t band) {
    const PamrRing guide{p.width, margin, ring_rows(p.height, margin), 3,
                         reinterpret_cast<float*>(queue.scratch->worker(worker))};
    const auto load = [&](int64_t y) {
      for (int64_t c = 0; c < 3; ++c) {
        make_guide_row(p, y, c, taps, guide.row(y, c));
        guide.fill_margins(y, c);
      }
    };
    go_down(bands, band, margin, load, [&](int64_t y) {
      PamrGuideRow row;
      float* out[kPamrMaxNeighbours];
      for (int64_t c = 0; c < 3; ++c) row.centre[c] = guide.row(y, c);
      for_each_neighbour(p.dilations, [&](int n, int64_t dy, int64_t dx) {
        for (int64_t c = 0; c < 3; ++c) {
          row.neighbour[c][n] = guide.row(std::clamp<int64_t>(y + dy, 0, p.height - 1), c) + dx;
        }
        out[n] = p.weights + n * pixels + y * p.width;
      });
      weights_row(row, static_cast<int>(pamr_neighbours(p.dilations)), p.width, out);
    });
  });
}

void pamr_cpu(const PamrParams& p, CpuQueue queue) {
  check_params(p);
  for (int64_t first = 0; first < p.count; first += kPamrPlanes) {
    const Smoother smoother(p, std::min(kPamrPlanes, p.count - first), queue);
    for (int64_t i = 0; i < p.iterations; ++i) smoother.iterate(p.planes + first * p.height * p.width);
  }
}

}  // namespace sclip
#endif  // HWY_ONCE
