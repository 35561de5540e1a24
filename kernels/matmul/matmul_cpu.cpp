// One (matrix, panel of kPanel columns, piece of kPieceRows rows) is one work item: a worker packs the panel of B, and
// blocks of kMaxRows rows of A meet it in the register tile over the whole depth. f32 rows of A are read where they
// lie; bf16 is widened to f32 while packing, A once a panel. Working set: the panel, 256 bytes a unit of depth (50 KiB
// at 197, 314 KiB at 1226: L2, streamed once per block of rows), and the rows of A (L1). Every element of C is one sum
// over the depth in order: the same bits for any number of threads and any batch. Limit: the FMA units; packing is one
// store for kPieceRows multiplications, and widening A one for kPanel.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/matmul_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "core/arena.h"
#include "kernels/matmul/matmul.h"
#include "kernels/simd/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

constexpr int64_t kPieceRows = 32 * kMaxRows;

template <typename Out>
void StoreScaled(const float* HWY_RESTRICT from, float alpha, int64_t count, Out* HWY_RESTRICT to) {
  const Tag d;
  const hn::CappedTag<float, 1> one;
  int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes) StoreFloat(d, hn::Mul(hn::Load(d, from + j), hn::Set(d, alpha)), to + j);
  for (; j < count; ++j) StoreFloat(one, hn::Mul(hn::LoadU(one, from + j), hn::Set(one, alpha)), to + j);
}

template <typename In, typename Out>
void MatmulOf(const MatmulParams& p, const CpuQueue& queue) {
  constexpr bool kInPlace = sizeof(In) == sizeof(float);
  const MatmulRowStrides stride = row_strides(p);
  const int64_t panels = (p.cols + kPanel - 1) / kPanel, pieces = (p.rows + kPieceRows - 1) / kPieceRows;
  ArenaPlan plan;
  const auto add = [&](int64_t floats) { return plan.add(static_cast<size_t>(floats) * sizeof(float)); };
  const size_t panel_at = add(p.depth * kPanel), rows_at = add(kInPlace ? 0 : kMaxRows * p.depth),
               out_at = add(kMaxRows * kPanel);
  queue.scratch->reserve_workers(queue.pool->threads_here(), plan.total());

  queue.pool->parallel_for_workers(p.batch * panels * pieces, [&](int worker, int64_t item) {
    std::byte* memory = queue.scratch->worker(worker);
    auto* panel = reinterpret_cast<float*>(memory + panel_at);
    auto* packed_rows = reinterpret_cast<float*>(memory + rows_at);
    auto* out = reinterpret_cast<float*>(memory + out_at);
    const int64_t matrix = item / (panels * pieces), column = item / pieces % panels * kPanel;
    const int64_t begin = item % pieces * kPieceRows, end = std::min(begin + kPieceRows, p.rows);
    const int64_t columns = std::min(kPanel, p.cols - column);
    const In* a = static_cast<const In*>(p.a) + matrix * p.a_batch_stride;
    const In* b = static_cast<const In*>(p.b) + matrix * p.b_batch_stride;
    Out* c = static_cast<Out*>(p.c) + matrix * p.c_batch_stride + column;

    if (p.transpose_b) {
      PackTransposed(b + column * stride.b, stride.b, columns, p.depth, panel);
    } else {
      PackRows(b + column, stride.b, p.depth, columns, panel, kPanel);
    }
    const int64_t vectors = (columns + kLanes - 1) / kLanes;
    for (int64_t row = begin; row < end; row += kMaxRows) {
      const int64_t rows = std::min<int64_t>(kMaxRows, end - row);
      if constexpr (kInPlace) {
        TileRows(rows, vectors, a + row * stride.a, stride.a, panel, kPanel, p.depth, out, kPanel);
      } else {
        PackRows(a + row * stride.a, stride.a, rows, p.depth, packed_rows, p.depth);
        TileRows(rows, vectors, packed_rows, p.depth, panel, kPanel, p.depth, out, kPanel);
      }
      for (int64_t r = 0; r < rows; ++r) StoreScaled(out + r * kPanel, p.alpha, columns, c + (row + r) * stride.c);
    }
  });
}

void Matmul(const MatmulParams& p, const CpuQueue& queue) {
  if (p.dtype == DType::kF32) return MatmulOf<float, float>(p, queue);
  if (p.out_dtype == DType::kF32) return MatmulOf<BFloat16, float>(p, queue);
  MatmulOf<BFloat16, BFloat16>(p, queue);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(Matmul);

void matmul_cpu(const MatmulParams& p, CpuQueue queue) {
  SCLIP_CHECK(p.dtype == DType::kF32 || p.dtype == DType::kBF16, kInvalidArgument, "matmul takes F32 or BF16, not ",
              to_string(p.dtype));
  check_params(p);
  HWY_DYNAMIC_DISPATCH(Matmul)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
