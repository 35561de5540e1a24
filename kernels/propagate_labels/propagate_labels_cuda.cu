// A kernel for each step but two: the system takes four, a step of conjugate gradients three, since each needs a sum
// over all values that the one before made. A block leaves its part of such a sum, and every block of the next kernel
// adds all parts up in one order.
//
// Tiling     guide, pool  lanes share a cell, as many as its columns are, rounded down to a power of two, so that lanes
//                         next to each other read pixels next to each other.
//            probability, edge, planes  a thread a cell or pixel, which walks along the queries.
//            steps        values one behind the other, a block's stride apart from block to block.
// Shared     a double for each warp.
// Occupancy  256 threads, at most 64 registers: 4 blocks, 50 % of an SM. Where a thread is a cell, 64 of them: a grid
// has
//            few cells.
// Limit      pool, planes: DRAM, 4 bytes a query and pixel. Steps: DRAM, 88 bytes a query and cell, or L2 where the
//            state fits it; doubles are 2 operations a byte at most.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/reciprocal.cuh"
#include "kernels/cuda/warp.cuh"
#include "kernels/propagate_labels/propagate_labels.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kCellThreads = 64;  // of kernels with a thread a cell, of which there are few
constexpr int kThreadValues = 4;  // of a step, at least: adding up what the blocks left costs each thread the same

struct Cells {
  int queries, height, width, cells, total;  // K, h, w, h · w, K · h · w
  int shrink_h, shrink_w;
  PropagationState s;
};

// Lanes to a cell whose rows have `columns` pixels.
int lanes_of(int64_t columns) {
  int lanes = 1;
  while (lanes < 32 && 2 * lanes <= columns) lanes *= 2;
  return lanes;
}

// Calls value(row, column) for the cell's pixels and returns their mean to all lanes that share it.
template <typename Value>
__device__ __forceinline__ double cell_mean(const Cells& c, int lanes, double scale, const Value& value) {
  double sum = 0;
  for (int row = 0; row < c.shrink_h; ++row) {
    for (int column = static_cast<int>(threadIdx.x) % lanes; column < c.shrink_w; column += lanes) {
      sum += value(row, column);
    }
  }
  for (int offset = lanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(kFullWarp, sum, offset);
  return sum * scale;
}

struct Guide {
  const float* image;
  int height, width;
  double scale_h, scale_w;  // of the image to the photo
};

__global__ void __launch_bounds__(kThreads)
    propagation_guide_kernel(const __grid_constant__ Cells c, const __grid_constant__ Guide g, int lanes,
                             double scale) {
  const int all = static_cast<int>((blockIdx.x * int64_t{kThreads} + threadIdx.x) / lanes);
  const int cell = min(all, c.cells - 1), y = cell / c.width, x = cell % c.width;
  const int64_t pixels = static_cast<int64_t>(g.height) * g.width;
  const double mean = cell_mean(c, lanes, scale, [&](int row, int column) {
    const CellTap v = cell_tap(g.height, g.scale_h, y * c.shrink_h + row);
    const CellTap h = cell_tap(g.width, g.scale_w, x * c.shrink_w + column);
    const auto grey = [&](int from_y, int from_x) {
      const float* pixel = g.image + static_cast<int64_t>(from_y) * g.width + from_x;
      return 0.299 * static_cast<double>(pixel[0]) + 0.587 * static_cast<double>(pixel[pixels]) +
             0.114 * static_cast<double>(pixel[2 * pixels]);
    };
    const double left = grey(v.index0, h.index0), right = grey(v.index0, h.index1);
    const double above = left + h.weight1 * (right - left);
    const double left1 = grey(v.index1, h.index0), right1 = grey(v.index1, h.index1);
    return above + v.weight1 * (left1 + h.weight1 * (right1 - left1) - above);
  });
  if (all < c.cells && threadIdx.x % lanes == 0) c.s.grey[cell] = mean;
}

__global__ void __launch_bounds__(kThreads)
    propagation_pool_kernel(const __grid_constant__ Cells c, const float* planes, int height, int width, int first,
                            int values, int lanes, double scale) {
  const int64_t all = (blockIdx.x * int64_t{kThreads} + threadIdx.x) / lanes;
  const int value = static_cast<int>(min(all, static_cast<int64_t>(values - 1)));
  const int k = value / c.cells, cell = value % c.cells;
  const float* from =
      planes + (static_cast<int64_t>(k) * height + cell / c.width * c.shrink_h) * width + cell % c.width * c.shrink_w;
  const double mean = cell_mean(c, lanes, scale, [&](int row, int column) {
    return static_cast<double>(from[static_cast<int64_t>(row) * width + column]);
  });
  if (all < values && threadIdx.x % lanes == 0) c.s.x[first * c.cells + value] = mean;
}

__global__ void __launch_bounds__(kCellThreads)
    propagation_probability_kernel(const __grid_constant__ Cells c, const double* certainty) {
  const int cell = static_cast<int>(blockIdx.x * kCellThreads + threadIdx.x);
  if (cell >= c.cells) return;
  double most = c.s.x[cell];
  for (int i = cell + c.cells; i < c.total; i += c.cells) most = fmax(most, c.s.x[i]);
  double sum = 0;
#pragma unroll 1
  for (int i = cell; i < c.total; i += c.cells) {
    const double e = exp(c.s.x[i] - most);
    c.s.product[i] = e;
    sum += e;
  }
  const double inverse = reciprocal(sum);  // and the largest p
  double sure = 0;
  for (int k = 0, i = cell; i < c.total; ++k, i += c.cells) {
    const double p = c.s.product[i] * inverse;
    c.s.product[i] = p;
    sure += certainty[k] * p * p;
  }
  const double best = fmax(inverse, 0.05);
  c.s.confidence[cell] = best * best * (1 + fmin(fmax(sure, 0.0), 1.0));
}

// Mean differences of the guide across and down, by one block.
__global__ void __launch_bounds__(kThreads) propagation_mean_kernel(const __grid_constant__ Cells c) {
  __shared__ double sums[kWarps];
  double across = 0, down = 0;
  for (int i = threadIdx.x; i < c.cells; i += kThreads) {
    if (i % c.width + 1 < c.width) across += fabs(c.s.grey[i + 1] - c.s.grey[i]);
    if (i + c.width < c.cells) down += fabs(c.s.grey[i + c.width] - c.s.grey[i]);
  }
  across = block_sum<kWarps>(across, sums);
  down = block_sum<kWarps>(down, sums);
  if (threadIdx.x != 0) return;
  c.s.totals[0] = c.width > 1 ? across * reciprocal(static_cast<double>(c.height * (c.width - 1))) : 0;
  c.s.totals[1] = c.height > 1 ? down * reciprocal(static_cast<double>((c.height - 1) * c.width)) : 0;
}

__device__ __forceinline__ double edge_weight(const Cells& c, const double* certainty, int cell, int other,
                                              double mean) {
  double alike = 0;
  for (int k = 0, at = 0; k < c.queries; ++k, at += c.cells) {
    alike += certainty[k] * c.s.product[at + cell] * c.s.product[at + other];
  }
  const double step = fabs(c.s.grey[other] - c.s.grey[cell]);
  return fmin(exp(-5 * step * reciprocal(mean + 1e-6)) * (1 + fmin(fmax(alike, 0.0), 1.0)), 1.0);
}

__global__ void __launch_bounds__(kCellThreads)
    propagation_edge_kernel(const __grid_constant__ Cells c, const double* certainty) {
  const int cell = static_cast<int>(blockIdx.x * kCellThreads + threadIdx.x);
  if (cell >= c.cells) return;
  c.s.across[cell] = cell % c.width + 1 < c.width ? edge_weight(c, certainty, cell, cell + 1, c.s.totals[0]) : 0.0;
  c.s.down[cell] = cell + c.width < c.cells ? edge_weight(c, certainty, cell, cell + c.width, c.s.totals[1]) : 0.0;
}

// The Laplacian's product at value i of a plane.
__device__ __forceinline__ double laplacian(const Cells& c, const double* x, int i) {
  const int cell = i % c.cells, column = cell % c.width;
  const double own = x[i];
  double sum = 0;
  if (cell >= c.width) sum += c.s.down[cell - c.width] * (own - x[i - c.width]);
  if (cell + c.width < c.cells) sum += c.s.down[cell] * (own - x[i + c.width]);
  if (column > 0) sum += c.s.across[cell - 1] * (own - x[i - 1]);
  if (column + 1 < c.width) sum += c.s.across[cell] * (own - x[i + 1]);
  return sum;
}

__device__ __forceinline__ void leave_part(double x, double* sums, double* parts) {
  x = block_sum<kWarps>(x, sums);
  if (threadIdx.x == 0) parts[blockIdx.x] = x;
}
// The sum of what the blocks of an earlier kernel with the same grid left.
__device__ __forceinline__ double add_parts(const double* parts, double* sums) {
  double x = 0;
  for (int i = threadIdx.x; i < static_cast<int>(gridDim.x); i += kThreads) x += parts[i];
  return block_sum<kWarps>(x, sums);
}

// Calls body(i) for the block's values.
template <typename Body>
__device__ __forceinline__ void for_values(const Cells& c, const Body& body) {
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < c.total; i += int64_t{gridDim.x} * kThreads) {
    body(static_cast<int>(i));
  }
}

__global__ void __launch_bounds__(kThreads) propagation_residual_kernel(const __grid_constant__ Cells c) {
  __shared__ double sums[kWarps];
  double squares = 0;
  for_values(c, [&](int i) {
    const double residual = -laplacian(c, c.s.x, i);
    c.s.residual[i] = c.s.direction[i] = residual;
    squares += residual * residual;
  });
  leave_part(squares, sums, c.s.squares[0]);
}

__global__ void __launch_bounds__(kThreads) propagation_product_kernel(const __grid_constant__ Cells c) {
  __shared__ double sums[kWarps];
  double curvature = 0;
  for_values(c, [&](int i) {
    const double own = c.s.direction[i];
    const double product = c.s.confidence[i % c.cells] * own + laplacian(c, c.s.direction, i);
    c.s.product[i] = product;
    curvature += own * product;
  });
  leave_part(curvature, sums, c.s.curvature);
}

__global__ void __launch_bounds__(kThreads)
    propagation_move_kernel(const __grid_constant__ Cells c, const double* before, double* after) {
  __shared__ double sums[kWarps];
  const double length = add_parts(before, sums) * reciprocal(add_parts(c.s.curvature, sums) + 1e-12);
  double squares = 0;
  for_values(c, [&](int i) {
    c.s.x[i] += length * c.s.direction[i];
    const double residual = c.s.residual[i] - length * c.s.product[i];
    c.s.residual[i] = residual;
    squares += residual * residual;
  });
  leave_part(squares, sums, after);
}

__global__ void __launch_bounds__(kThreads)
    propagation_turn_kernel(const __grid_constant__ Cells c, const double* before, const double* after) {
  __shared__ double sums[kWarps];
  const double keep = add_parts(after, sums) * reciprocal(add_parts(before, sums) + 1e-12);
  for_values(c, [&](int i) { c.s.direction[i] = c.s.residual[i] + keep * c.s.direction[i]; });
}

__global__ void __launch_bounds__(kThreads)
    propagation_planes_kernel(const __grid_constant__ Cells c, float* planes, int width, int pixels, int first,
                              int count, double scale_h, double scale_w) {
  const int64_t pixel = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (pixel >= pixels) return;
  const CellTap v = cell_tap(c.height, scale_h, static_cast<int>(pixel / width));
  const CellTap h = cell_tap(c.width, scale_w, static_cast<int>(pixel % width));
  const double* from = c.s.x + static_cast<int64_t>(first) * c.cells;
  const int above = v.index0 * c.width, below = v.index1 * c.width;
  for (int k = 0; k < count; ++k, from += c.cells) {
    const double a = from[above + h.index0], b = from[below + h.index0];
    const double left = a + v.weight1 * (b - a);
    const double d = from[above + h.index1], e = from[below + h.index1];
    const double right = d + v.weight1 * (e - d);
    planes[k * static_cast<int64_t>(pixels) + pixel] = static_cast<float>(left + h.weight1 * (right - left));
  }
}

double scale_of(int64_t in, int64_t out) {
  return static_cast<double>(in) / static_cast<double>(out);
}

void launch(const PropagateLabelsParams& p, const Cells& c, CudaQueue queue) {
  const double mean = 1.0 / (static_cast<double>(c.shrink_h) * c.shrink_w);
  const int lanes = lanes_of(c.shrink_w);
  const unsigned cell_blocks = grid_size(ceil_div(c.cells, kCellThreads));
  const auto blocks =
      static_cast<unsigned>(std::min<int64_t>(ceil_div(c.total, kThreads * kThreadValues), kPropagationBlocks));
  switch (p.step) {
    case PropagationStep::kGuide: {
      const Guide guide{.image = p.image,
                        .height = static_cast<int>(p.image_height),
                        .width = static_cast<int>(p.image_width),
                        .scale_h = scale_of(p.image_height, p.height),
                        .scale_w = scale_of(p.image_width, p.width)};
      propagation_guide_kernel<<<grid_size(ceil_div(int64_t{c.cells} * lanes, kThreads)), kThreads, 0, queue.stream>>>(
          c, guide, lanes, mean);
      break;
    }
    case PropagationStep::kPool: {
      const int64_t values = p.count * c.cells;
      propagation_pool_kernel<<<grid_size(ceil_div(values * lanes, kThreads)), kThreads, 0, queue.stream>>>(
          c, p.planes, static_cast<int>(p.height), static_cast<int>(p.width), static_cast<int>(p.first_query),
          static_cast<int>(values), lanes, mean);
      break;
    }
    case PropagationStep::kSystem:
      propagation_probability_kernel<<<cell_blocks, kCellThreads, 0, queue.stream>>>(c, p.certainty);
      propagation_mean_kernel<<<1, kThreads, 0, queue.stream>>>(c);
      propagation_edge_kernel<<<cell_blocks, kCellThreads, 0, queue.stream>>>(c, p.certainty);
      propagation_residual_kernel<<<blocks, kThreads, 0, queue.stream>>>(c);
      break;
    case PropagationStep::kIterate: {
      const double* before = c.s.squares[p.iteration % 2];
      double* after = c.s.squares[1 - p.iteration % 2];
      propagation_product_kernel<<<blocks, kThreads, 0, queue.stream>>>(c);
      propagation_move_kernel<<<blocks, kThreads, 0, queue.stream>>>(c, before, after);
      propagation_turn_kernel<<<blocks, kThreads, 0, queue.stream>>>(c, before, after);
      break;
    }
    case PropagationStep::kPlanes:
      propagation_planes_kernel<<<grid_size(ceil_div(p.height * p.width, kThreads)), kThreads, 0, queue.stream>>>(
          c, p.planes, static_cast<int>(p.width), static_cast<int>(p.height * p.width), static_cast<int>(p.first_query),
          static_cast<int>(p.count), scale_of(c.height, p.height), scale_of(c.width, p.width));
      break;
  }
}

}  // namespace

void propagate_labels_cuda(const PropagateLabelsParams& p, CudaQueue queue) {
  check_params(p);
  const PropagationGrid grid = propagation_grid(p);
  launch(p,
         {.queries = static_cast<int>(p.queries),
          .height = static_cast<int>(grid.height),
          .width = static_cast<int>(grid.width),
          .cells = static_cast<int>(grid.cells()),
          .total = static_cast<int>(p.queries * grid.cells()),
          .shrink_h = static_cast<int>(grid.shrink_h),
          .shrink_w = static_cast<int>(grid.shrink_w),
          .s = propagation_state(p)},
         queue);
  check_launch("propagate_labels", p.queries, " queries, ", p.width, "×", p.height, " pixels on ", grid.width, "×",
               grid.height, " cells");
}

}  // namespace sclip
