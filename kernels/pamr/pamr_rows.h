// What the CPU's PAMR gives its vector code: where the rows of one line of pixels lie.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/pamr/pamr.h"

namespace sclip {

constexpr int kPamrMaxNeighbours = 16;
constexpr int64_t kPamrPlanes = 4;  // that share a reading of the weights

// The guide around a row, by channel: the row, and for each neighbour the row it lies in, shifted so that the neighbour
// of pixel x is at x.
struct PamrGuideRow {
  const float* centre[3];
  const float* neighbour[3][kPamrMaxNeighbours];
};

// A row of an iteration. Plane k is k steps behind.
struct PamrPlaneRow {
  int neighbours;
  const float* weights[kPamrMaxNeighbours];
  const float* from[kPamrMaxNeighbours];
  int64_t from_step;
  float* out;
  int64_t out_step;
};

// Calls body(n, dy, dx) for every neighbour.
template <typename Body>
void for_each_neighbour(const PamrDilations& dilations, const Body& body) {
  for (int n = 0; n < pamr_neighbours(dilations); ++n) {
    const int64_t d = dilations[static_cast<size_t>(n / 8)];
    body(n, pamr_dy(n % 8) * d, pamr_dx(n % 8) * d);
  }
}

// Rows with a margin on either side, which holds the border's pixels again: no loop asks whether it is inside. Row y of
// the photo is in slot y mod `rows`, as often as there are planes.
struct PamrRing {
  int64_t width, margin, rows, planes;
  float* values;

  static int64_t floats(int64_t width, int64_t margin, int64_t rows, int64_t planes) {
    return rows * planes * (width + 2 * margin);
  }
  int64_t pitch() const { return width + 2 * margin; }
  float* row(int64_t y, int64_t plane) const { return values + (y % rows * planes + plane) * pitch() + margin; }
  void fill_margins(int64_t y, int64_t plane) const {
    float* r = row(y, plane);
    std::fill_n(r - margin, margin, r[0]);
    std::fill_n(r + width, margin, r[width - 1]);
  }
};

}  // namespace sclip
