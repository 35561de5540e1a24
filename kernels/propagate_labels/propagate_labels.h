// Label propagation (PEARL, CVPR 2026): planes of cosines spread over a coarse grid of the photo, held where words are
// sure and carried on where the photo has no edge.
//
//   s          by how much each axis shrinks: max(1, round(L / cells)), halves to even; h = H / s_h, w = W / s_w, what
//              is left over below and on the right is dropped
//   x₀[k]      the planes, averaged over s_h × s_w pixels                                        kPool
//   g          0.299 R + 0.587 G + 0.114 B of the guide, bilinear to (H, W), averaged likewise   kGuide
//   p          softmax of x₀ over the queries
//   C          max(max_k p, 0.05)² · (1 + clamp(Σ_k c_k p², 0, 1)), c_k the certainty of query k
//   ω          of an edge between neighbours i and j, across or down:
//              clamp(exp(−5 |g_i − g_j| / (mean |g_i − g_j| + 1e-6)) · (1 + clamp(Σ_k c_k p_i p_j, 0, 1)), 0, 1),
//              the mean over all edges of that direction                                         kSystem
//   x          of (diag C + Laplacian of ω) x = C x₀, conjugate gradients from x₀ on: each step has one length for all
//              queries, the quotients' denominators + 1e-12. How many steps is part of the result  kIterate, one each
//   planes     x, bilinear to (H, W)                                                             kPlanes
//
// Everything between the planes is double: step lengths are quotients of sums over all queries and cells, whose
// rounding each step hands on to the next. A grid of one cell has no edges and keeps its values.
//
// How to call it, with the same sizes and state every time: kGuide; kPool for groups of queries until all are there;
// kSystem; kIterate with iteration 0, 1, …; kPlanes for groups of queries, as often as they are needed.
// Memory: 32 bytes a query and cell, and 32 a cell. Cells are at most 3/2 `cells` a side.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/carver.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "kernels/interpolate/bilinear.h"
#include "sclip/error.h"

namespace sclip {

enum class PropagationStep : uint8_t { kGuide, kPool, kSystem, kIterate, kPlanes };

struct PropagateLabelsParams {
  PropagationStep step = PropagationStep::kGuide;
  int64_t height = 0;     // H; H · W < 2^31
  int64_t width = 0;      // W
  int64_t queries = 0;    // K; K · h · w < 2^30
  int64_t cells = 80;     // about as many a side, 1 … 1024
  void* state = nullptr;  // propagation_bytes(…), aligned to 128

  const float* image = nullptr;  // kGuide: (3, image_height, image_width), normalised, contiguous
  int64_t image_height = 0;      // 1 … 2^24
  int64_t image_width = 0;
  float* planes = nullptr;  // kPool reads, kPlanes writes: (count, H, W) of the queries first_query … + count − 1
  int64_t first_query = 0;
  int64_t count = 0;
  const double* certainty = nullptr;  // kSystem: (K) c
  int64_t iteration = 0;              // kIterate
};

// By how much an axis of `length` pixels shrinks.
constexpr int64_t propagation_shrink(int64_t length, int64_t cells) {
  const int64_t whole = length / cells, twice = 2 * (length % cells);
  const bool up = twice > cells || (twice == cells && whole % 2 == 1);
  return std::max<int64_t>(1, whole + (up ? 1 : 0));
}

struct PropagationGrid {
  int64_t shrink_h, shrink_w, height, width;  // s_h, s_w, h, w
  int64_t cells() const { return height * width; }
};
constexpr PropagationGrid propagation_grid(const PropagateLabelsParams& p) {
  const int64_t s_h = propagation_shrink(p.height, p.cells), s_w = propagation_shrink(p.width, p.cells);
  return {s_h, s_w, p.height / s_h, p.width / s_w};
}

// Rows of a plane whose share of a sum the CPU adds up by itself, so that sums do not depend on the threads; and the
// most blocks that do so on a device.
inline constexpr int64_t kPropagationBand = 32, kPropagationBlocks = 1024;

struct PropagationState {
  double *x, *residual, *direction, *product;  // (K, h, w); `product` begins as p
  double *grey, *confidence;                   // (h, w)
  double *across, *down;                       // (h, w) ω to the right and down; 0 at the border
  double* totals;      // the edges' mean differences across and down; the CPU's square of the residual
  double* squares[2];  // parts of the residual's square, of even steps and of odd ones
  double* curvature;   // parts of direction · product
  size_t bytes;
};
inline PropagationState propagation_state(const PropagateLabelsParams& p) {
  const PropagationGrid grid = propagation_grid(p);
  const int64_t cells = grid.cells(), all = p.queries * cells;
  const int64_t bands = (grid.height + kPropagationBand - 1) / kPropagationBand;
  const int64_t parts = std::max(p.queries * bands, kPropagationBlocks);
  Carver carver(p.state);
  PropagationState s{};
  for (double** array : {&s.x, &s.residual, &s.direction, &s.product}) carver.take(*array, all);
  for (double** array : {&s.grey, &s.confidence, &s.across, &s.down}) carver.take(*array, cells);
  carver.take(s.totals, 3);
  for (double** array : {&s.squares[0], &s.squares[1], &s.curvature}) carver.take(*array, parts);
  s.bytes = carver.bytes();
  return s;
}
inline size_t propagation_bytes(int64_t height, int64_t width, int64_t queries, int64_t cells) {
  return propagation_state({.height = height, .width = width, .queries = queries, .cells = cells}).bytes;
}

// Between which inputs output i lies, in double: bilinear.h's f32 would show in the guide's edges. `scale`: in / out.
struct CellTap {
  int index0, index1;
  double weight1;
};
SCLIP_HOST_DEVICE inline CellTap cell_tap(int in, double scale, int i) {
  const double at = (i + 0.5) * scale - 0.5, source = at > 0 ? at : 0;
  const int whole = static_cast<int>(source), index0 = whole < in - 1 ? whole : in - 1;
  return {index0, index0 + 1 < in ? index0 + 1 : index0, source - index0};
}

// What both implementations ask of their arguments.
inline void check_params(const PropagateLabelsParams& p) {
  constexpr int64_t kMaxSide = int64_t{1} << 24, kMost = int64_t{1} << 31;
  SCLIP_CHECK(p.height >= 1 && p.width >= 1 && p.height <= kMaxSide && p.width <= kMaxSide &&
                  p.width < kMost / p.height && p.cells >= 1 && p.cells <= 1024,
              kInvalidArgument, "propagate_labels: planes of ", p.width, "×", p.height, " pixels and about ", p.cells,
              " cells a side; a side must be 1 … 2^24, pixels fewer than 2^31, cells 1 … 1024");
  SCLIP_CHECK(p.queries >= 1 && p.queries < kMost / 2 / propagation_grid(p).cells() && p.state != nullptr,
              kInvalidArgument, "propagate_labels: ", p.queries, " queries on ", propagation_grid(p).cells(),
              " cells; there must be a query and a state, and fewer than 2^30 values");
  if (p.step == PropagationStep::kGuide) {
    SCLIP_CHECK(p.image != nullptr && p.image_height >= 1 && p.image_width >= 1 && p.image_height <= kMaxSide &&
                    p.image_width <= kMaxSide,
                kInvalidArgument, "propagate_labels: cannot be guided by an image of ", p.image_width, "×",
                p.image_height, " pixels; it must be given, and a side be 1 … 2^24");
  }
  if (p.step == PropagationStep::kPool || p.step == PropagationStep::kPlanes) {
    SCLIP_CHECK(p.planes != nullptr && p.count >= 1 && p.first_query >= 0 && p.first_query + p.count <= p.queries,
                kInvalidArgument, "propagate_labels: planes of the queries ", p.first_query, " to ",
                p.first_query + p.count - 1, " of ", p.queries, "; give at least one, and none beyond the last");
  }
  SCLIP_CHECK(p.step != PropagationStep::kSystem || p.certainty != nullptr, kInvalidArgument,
              "propagate_labels: the certainty of the queries must be given");
  SCLIP_CHECK(p.step != PropagationStep::kIterate || p.iteration >= 0, kInvalidArgument, "propagate_labels: iteration ",
              p.iteration, "; they count from 0");
}

void propagate_labels_cpu(const PropagateLabelsParams& params, CpuQueue queue);
void propagate_labels_cuda(const PropagateLabelsParams& params, CudaQueue queue);

namespace ref {
// All of it: planes (K, H, W) in place, `params.planes` and `state` unused.
void propagate_labels(const PropagateLabelsParams& params, int64_t iterations, double* planes);
}  // namespace ref

}  // namespace sclip
