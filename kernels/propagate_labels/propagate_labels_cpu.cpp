// A step of conjugate gradients goes over the state three times, in tasks of 32 rows of a plane, whose sums are added
// up in one order however many threads there are. Pooling and the way back go row by row through a row of doubles.
//
// Limited by memory: pooling and the way back 4 bytes a query and pixel each, a step 88 bytes a query and cell, from
// the last cache as long as the state fits it: 21 queries on 80×107 cells take 5.7 MB.
#include "kernels/propagate_labels/propagate_labels.h"

#include <cmath>
#include <numeric>

namespace sclip {
namespace {

using Params = PropagateLabelsParams;
using State = PropagationState;
using Grid = PropagationGrid;

double scale_of(int64_t in, int64_t out) {
  return static_cast<double>(in) / static_cast<double>(out);
}

void fill_taps(int64_t in, int64_t out, CellTap* taps) {
  for (int64_t i = 0; i < out; ++i) taps[i] = cell_tap(static_cast<int>(in), scale_of(in, out), static_cast<int>(i));
}

// Sums over `shrink` neighbours, times `scale`.
void sum_cells(const double* row, int64_t cells, int64_t shrink, double scale, double* out) {
  for (int64_t x = 0; x < cells; ++x) {
    double sum = 0;
    for (int64_t i = 0; i < shrink; ++i) sum += row[x * shrink + i];
    out[x] = sum * scale;
  }
}

void guide(const Params& p, const Grid& grid, const State& s, CpuQueue queue) {
  const int64_t columns = grid.width * grid.shrink_w, image_pixels = p.image_height * p.image_width;
  const auto floats = static_cast<size_t>(p.image_width + columns);
  auto* taps = reinterpret_cast<CellTap*>(queue.scratch->shared(static_cast<size_t>(p.width) * sizeof(CellTap)));
  fill_taps(p.image_width, p.width, taps);
  queue.scratch->reserve_workers(queue.pool->threads_here(), floats * sizeof(double));
  queue.pool->parallel_for_workers(grid.height, [&](int worker, int64_t row) {
    auto* blended = reinterpret_cast<double*>(queue.scratch->worker(worker));
    double* sums = blended + p.image_width;
    std::fill_n(sums, columns, 0.0);
    for (int64_t i = 0; i < grid.shrink_h; ++i) {
      const CellTap tap = cell_tap(static_cast<int>(p.image_height), scale_of(p.image_height, p.height),
                                   static_cast<int>(row * grid.shrink_h + i));
      const auto grey = [&](int64_t y, int64_t x) {
        const float* pixel = p.image + y * p.image_width + x;
        return 0.299 * static_cast<double>(pixel[0]) + 0.587 * static_cast<double>(pixel[image_pixels]) +
               0.114 * static_cast<double>(pixel[2 * image_pixels]);
      };
      for (int64_t x = 0; x < p.image_width; ++x) {
        const double above = grey(tap.index0, x);
        blended[x] = above + tap.weight1 * (grey(tap.index1, x) - above);
      }
      for (int64_t x = 0; x < columns; ++x) {
        sums[x] += blended[taps[x].index0] + taps[x].weight1 * (blended[taps[x].index1] - blended[taps[x].index0]);
      }
    }
    sum_cells(sums, grid.width, grid.shrink_w, 1.0 / static_cast<double>(grid.shrink_h * grid.shrink_w),
              s.grey + row * grid.width);
  });
}

void pool(const Params& p, const Grid& grid, const State& s, CpuQueue queue) {
  const int64_t columns = grid.width * grid.shrink_w;
  queue.scratch->reserve_workers(queue.pool->threads_here(), static_cast<size_t>(columns) * sizeof(double));
  queue.pool->parallel_for_workers(p.count * grid.height, [&](int worker, int64_t task) {
    const int64_t k = task / grid.height, row = task % grid.height;
    auto* sums = reinterpret_cast<double*>(queue.scratch->worker(worker));
    std::fill_n(sums, columns, 0.0);
    for (int64_t i = 0; i < grid.shrink_h; ++i) {
      const float* from = p.planes + (k * p.height + row * grid.shrink_h + i) * p.width;
      for (int64_t x = 0; x < columns; ++x) sums[x] += static_cast<double>(from[x]);
    }
    sum_cells(sums, grid.width, grid.shrink_w, 1.0 / static_cast<double>(grid.shrink_h * grid.shrink_w),
              s.x + ((p.first_query + k) * grid.height + row) * grid.width);
  });
}

// p and C of a row of cells.
void probabilities(const Params& p, const Grid& grid, const State& s, int64_t row, double* most, double* sum) {
  const int64_t cells = grid.cells(), w = grid.width;
  const auto of = [&](double* array, int64_t k) { return array + k * cells + row * w; };
  std::copy_n(of(s.x, 0), w, most);
  for (int64_t k = 1; k < p.queries; ++k) {
    for (int64_t x = 0; x < w; ++x) most[x] = std::max(most[x], of(s.x, k)[x]);
  }
  std::fill_n(sum, w, 0.0);
  for (int64_t k = 0; k < p.queries; ++k) {
    for (int64_t x = 0; x < w; ++x) sum[x] += of(s.product, k)[x] = std::exp(of(s.x, k)[x] - most[x]);
  }
  // The largest p is 1 / sum; `most` becomes Σ c p².
  std::fill_n(most, w, 0.0);
  for (int64_t k = 0; k < p.queries; ++k) {
    for (int64_t x = 0; x < w; ++x) {
      const double q = of(s.product, k)[x] / sum[x];
      of(s.product, k)[x] = q;
      most[x] += p.certainty[k] * q * q;
    }
  }
  for (int64_t x = 0; x < w; ++x) {
    const double best = std::max(1 / sum[x], 0.05);
    s.confidence[row * w + x] = best * best * (1 + std::clamp(most[x], 0.0, 1.0));
  }
}

// Of the edges from cells to the ones `offset` behind them, in rows of `w` edges.
double edge_mean(const Grid& grid, const double* grey, int64_t rows, int64_t w, int64_t offset) {
  double sum = 0;
  for (int64_t y = 0; y < rows; ++y) {
    for (int64_t x = 0; x < w; ++x) sum += std::abs(grey[y * grid.width + x + offset] - grey[y * grid.width + x]);
  }
  return rows * w > 0 ? sum / static_cast<double>(rows * w) : 0;
}

// A row of cells' ω to the ones `offset` behind them, of which there are `w`.
void weigh_edges(const Params& p, const Grid& grid, const State& s, int64_t row, int64_t w, int64_t offset, double mean,
                 double* out) {
  const int64_t begin = row * grid.width;
  out += begin;
  std::fill_n(out, grid.width, 0.0);
  for (int64_t k = 0; k < p.queries; ++k) {
    const double* from = s.product + k * grid.cells() + begin;
    for (int64_t x = 0; x < w; ++x) out[x] += p.certainty[k] * from[x] * from[x + offset];
  }
  for (int64_t x = 0; x < w; ++x) {
    const double step = std::abs(s.grey[begin + x + offset] - s.grey[begin + x]);
    out[x] = std::min(std::exp(-5 * step / (mean + 1e-6)) * (1 + std::clamp(out[x], 0.0, 1.0)), 1.0);
  }
}

// The Laplacian's product with a row of a plane, plus C times it where `confidence` is given.
void multiply_row(const Grid& grid, const State& s, int64_t row, const double* confidence, const double* plane,
                  double* out) {
  const int64_t w = grid.width, begin = row * w;
  const double* x = plane + begin;
  const double* across = s.across + begin;
  out += begin;
  for (int64_t i = 0; i < w; ++i) out[i] = confidence != nullptr ? confidence[begin + i] * x[i] : 0.0;
  if (row > 0) {
    for (int64_t i = 0; i < w; ++i) out[i] += s.down[begin - w + i] * (x[i] - x[i - w]);
  }
  if (row + 1 < grid.height) {
    for (int64_t i = 0; i < w; ++i) out[i] += s.down[begin + i] * (x[i] - x[i + w]);
  }
  for (int64_t i = 1; i < w; ++i) out[i] += across[i - 1] * (x[i] - x[i - 1]);
  for (int64_t i = 0; i + 1 < w; ++i) out[i] += across[i] * (x[i] - x[i + 1]);
}

// Calls body(plane's first value, first and last row) for every band of rows, and returns what it returns, added up.
template <typename Body>
double sum_bands(const Params& p, const Grid& grid, double* parts, CpuQueue queue, const Body& body) {
  const int64_t bands = (grid.height + kPropagationBand - 1) / kPropagationBand, tasks = p.queries * bands;
  queue.pool->parallel_for(tasks, [&](int64_t task) {
    const int64_t first = task % bands * kPropagationBand;
    parts[task] = body(task / bands * grid.cells(), first, std::min(first + kPropagationBand, grid.height));
  });
  return std::accumulate(parts, parts + tasks, 0.0);
}

void make_system(const Params& p, const Grid& grid, const State& s, CpuQueue queue) {
  const int64_t w = grid.width;
  queue.scratch->reserve_workers(queue.pool->threads_here(), static_cast<size_t>(2 * w) * sizeof(double));
  queue.pool->parallel_for_workers(grid.height, [&](int worker, int64_t row) {
    auto* memory = reinterpret_cast<double*>(queue.scratch->worker(worker));
    probabilities(p, grid, s, row, memory, memory + w);
  });
  const double across = edge_mean(grid, s.grey, grid.height, w - 1, 1);
  const double down = edge_mean(grid, s.grey, grid.height - 1, w, w);
  queue.pool->parallel_for(grid.height, [&](int64_t row) {
    weigh_edges(p, grid, s, row, w - 1, 1, across, s.across);
    weigh_edges(p, grid, s, row, row + 1 < grid.height ? w : 0, w, down, s.down);
  });
  s.totals[2] = sum_bands(p, grid, s.squares[0], queue, [&](int64_t plane, int64_t first, int64_t last) {
    double sum = 0;
    for (int64_t row = first; row < last; ++row) {
      multiply_row(grid, s, row, nullptr, s.x + plane, s.residual + plane);
      for (int64_t i = plane + row * w; i < plane + (row + 1) * w; ++i) {
        s.direction[i] = s.residual[i] = -s.residual[i];
        sum += s.residual[i] * s.residual[i];
      }
    }
    return sum;
  });
}

void iterate(const Params& p, const Grid& grid, const State& s, CpuQueue queue) {
  const int64_t w = grid.width;
  const double curvature = sum_bands(p, grid, s.curvature, queue, [&](int64_t plane, int64_t first, int64_t last) {
    double sum = 0;
    for (int64_t row = first; row < last; ++row) {
      multiply_row(grid, s, row, s.confidence, s.direction + plane, s.product + plane);
      for (int64_t i = plane + row * w; i < plane + (row + 1) * w; ++i) sum += s.direction[i] * s.product[i];
    }
    return sum;
  });
  const double before = s.totals[2], length = before / (curvature + 1e-12);
  const double after = sum_bands(p, grid, s.squares[0], queue, [&](int64_t plane, int64_t first, int64_t last) {
    double sum = 0;
    for (int64_t i = plane + first * w; i < plane + last * w; ++i) {
      s.x[i] += length * s.direction[i];
      s.residual[i] -= length * s.product[i];
      sum += s.residual[i] * s.residual[i];
    }
    return sum;
  });
  const double keep = after / (before + 1e-12);
  s.totals[2] = after;
  queue.pool->parallel_ranges(p.queries * grid.cells(), 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) s.direction[i] = s.residual[i] + keep * s.direction[i];
  });
}

void write_planes(const Params& p, const Grid& grid, const State& s, CpuQueue queue) {
  auto* taps = reinterpret_cast<CellTap*>(queue.scratch->shared(static_cast<size_t>(p.width) * sizeof(CellTap)));
  fill_taps(grid.width, p.width, taps);
  queue.scratch->reserve_workers(queue.pool->threads_here(), static_cast<size_t>(grid.width) * sizeof(double));
  queue.pool->parallel_for_workers(p.count * p.height, [&](int worker, int64_t task) {
    const int64_t k = task / p.height, row = task % p.height;
    auto* blended = reinterpret_cast<double*>(queue.scratch->worker(worker));
    const CellTap tap = cell_tap(static_cast<int>(grid.height), scale_of(grid.height, p.height), static_cast<int>(row));
    const double* plane = s.x + (p.first_query + k) * grid.cells();
    const double *above = plane + tap.index0 * grid.width, *below = plane + tap.index1 * grid.width;
    for (int64_t x = 0; x < grid.width; ++x) blended[x] = above[x] + tap.weight1 * (below[x] - above[x]);
    float* out = p.planes + task * p.width;
    for (int64_t x = 0; x < p.width; ++x) {
      const double left = blended[taps[x].index0];
      out[x] = static_cast<float>(left + taps[x].weight1 * (blended[taps[x].index1] - left));
    }
  });
}

}  // namespace

void propagate_labels_cpu(const PropagateLabelsParams& p, CpuQueue queue) {
  check_params(p);
  const Grid grid = propagation_grid(p);
  const State state = propagation_state(p);
  switch (p.step) {
    case PropagationStep::kGuide: return guide(p, grid, state, queue);
    case PropagationStep::kPool: return pool(p, grid, state, queue);
    case PropagationStep::kSystem: return make_system(p, grid, state, queue);
    case PropagationStep::kIterate: return iterate(p, grid, state, queue);
    case PropagationStep::kPlanes: return write_planes(p, grid, state, queue);
  }
}

}  // namespace sclip
