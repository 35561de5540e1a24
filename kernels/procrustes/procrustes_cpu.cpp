// A work item is one head of one window, by one thread: the same bits for any number of threads and any batch.
//
// The head's rows are packed to f32 and centred, keys transposed, so that every product is rows times a panel of the
// register tile: B over the tokens, then thirteen products of d × d, then the rotation of six queries at a time.
// Working set for 197 tokens of 64: 200 KiB, L2. Limit: the FMA units; 12 MFLOP a head, 0.4 % of ViT-B/16.
// Z Y is Y in the first step, and the last step's Y is not used.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/procrustes/procrustes_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/arena.h"
#include "kernels/procrustes/procrustes.h"
#include "kernels/simd/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

// What one head needs besides its rows: offsets in a worker's memory. Rows of matrices are `width` floats apart, whole
// panels, and what lies beyond d is zero.
struct HeadMemory {
  HeadMemory(int64_t tokens, int64_t d) : width(round_up(d, kPanel)) {
    const auto add = [&](int64_t floats) { return plan.add(static_cast<size_t>(floats) * sizeof(float)); };
    queries = add(tokens * width);
    keys = add(d * round_up(tokens, kLanes));
    mean_q = add(width);
    mean_k = add(width);
    row = add(width);
    turned = add(kMaxRows * width);
    for (size_t& m : matrices) m = add(d * width);
  }
  int64_t width;
  ArenaPlan plan;
  size_t queries, keys, mean_q, mean_k, row, turned;
  size_t matrices[5];
};

// c (rows, width) = a (rows, depth) · b (depth, width)
void Product(int64_t rows, int64_t depth, const float* a, int64_t a_stride, const float* b, int64_t width, float* c) {
  for (int64_t column = 0; column < width; column += kPanel) {
    for (int64_t r = 0; r < rows; r += kMaxRows) {
      TileRows(std::min<int64_t>(kMaxRows, rows - r), kPanelVectors, a + r * a_stride, a_stride, b + column, width,
               depth, c + r * width + column, width);
    }
  }
}

// y += w · x over a row
HWY_INLINE void AddScaled(float w, const float* HWY_RESTRICT x, int64_t width, float* HWY_RESTRICT y) {
  const Tag d;
  const auto weight = hn::Set(d, w);
  for (int64_t c = 0; c < width; c += kLanes) {
    hn::Store(hn::MulAdd(weight, hn::Load(d, x + c), hn::Load(d, y + c)), d, y + c);
  }
}

HWY_INLINE float SumOfSquares(const float* x, int64_t width) {
  const Tag d;
  auto sum = hn::Zero(d);
  for (int64_t c = 0; c < width; c += kLanes) {
    const auto v = hn::Load(d, x + c);
    sum = hn::MulAdd(v, v, sum);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// m ← s · m + diagonal · I
HWY_INLINE void ScaleAndShift(float s, float diagonal, int64_t d, int64_t width, float* m) {
  const Tag tag;
  const auto scale = hn::Set(tag, s);
  for (int64_t i = 0; i < d * width; i += kLanes) hn::Store(hn::Mul(scale, hn::Load(tag, m + i)), tag, m + i);
  for (int64_t i = 0; i < d; ++i) m[i * width + i] += diagonal;
}

void Transpose(const float* from, int64_t d, int64_t width, float* to) {
  for (int64_t i = 0; i < d; ++i) {
    for (int64_t j = 0; j < d; ++j) to[j * width + i] = from[i * width + j];
    for (int64_t j = d; j < width; ++j) to[i * width + j] = 0;
  }
}

// The unscaled transpose Z Bᵀ of the polar factor, and √a that it is to be divided by. m[0] holds B.
struct Rotation {
  const float* transposed;
  float divisor;
};
Rotation PolarFactor(int64_t d, int64_t width, float* const (&m)[5]) {
  float *b = m[0], *b_transposed = m[1], *y = m[2], *t = m[3], *free = m[4];
  Transpose(b, d, width, b_transposed);
  Product(d, d, b_transposed, width, b, width, y);
  double squares = 0;
  for (int64_t i = 0; i < d; ++i) squares += SumOfSquares(y + i * width, width);
  const auto a = std::max(static_cast<float>(std::sqrt(squares)), kProcrustesFloor);
  ScaleAndShift(1 / a, kProcrustesFloor, d, width, y);

  float* z = b;  // B is needed transposed only, from here on
  std::copy_n(y, d * width, z);
  ScaleAndShift(-0.5f, 1.5f, d, width, z);  // T of the first step, and its Z
  Product(d, d, y, width, z, width, free);
  std::swap(y, free);
  for (int step = 1; step < kProcrustesSteps; ++step) {
    Product(d, d, z, width, y, width, t);
    ScaleAndShift(-0.5f, 1.5f, d, width, t);
    if (step + 1 < kProcrustesSteps) {
      Product(d, d, y, width, t, width, free);
      std::swap(y, free);
    }
    Product(d, d, t, width, z, width, free);
    std::swap(z, free);
  }
  Product(d, d, z, width, b_transposed, width, t);
  return {t, std::sqrt(a)};
}

template <typename Element>
void AlignHead(const ProcrustesParams& p, int64_t item, const HeadMemory& at, std::byte* memory) {
  const auto floats = [&](size_t offset) { return reinterpret_cast<float*>(memory + offset); };
  float *queries = floats(at.queries), *keys = floats(at.keys), *mean_q = floats(at.mean_q),
        *mean_k = floats(at.mean_k), *row = floats(at.row), *turned = floats(at.turned);
  float* const matrices[5] = {floats(at.matrices[0]), floats(at.matrices[1]), floats(at.matrices[2]),
                              floats(at.matrices[3]), floats(at.matrices[4])};
  const int64_t n = p.tokens, d = p.head_dim, width = at.width, stride = 3 * p.heads * d;
  const int64_t key_stride = round_up(n, kLanes);
  Element* q = static_cast<Element*>(p.qkv) + item / p.heads * n * stride + item % p.heads * d;
  const Element* k = q + p.heads * d;

  PackRows(q, stride, n, d, queries, width);
  std::fill_n(mean_q, width, 0.0f);
  std::fill_n(mean_k, width, 0.0f);
  double lengths = 0;
  for (int64_t i = 1; i < n; ++i) {  // the class token weighs nothing
    const float length = std::sqrt(SumOfSquares(queries + i * width, width));
    lengths += length;
    AddScaled(length, queries + i * width, width, mean_q);
    PackRows(k + i * stride, stride, 1, d, row, width);
    AddScaled(length, row, width, mean_k);
  }
  const float unit = 1 / (static_cast<float>(lengths) + kProcrustesFloor);
  for (float* mean : {mean_q, mean_k}) {
    for (int64_t c = 0; c < width; ++c) mean[c] *= unit;
  }

  for (int64_t i = 0; i < n; ++i) {
    AddScaled(-1, mean_q, width, queries + i * width);
    PackRows(k + i * stride, stride, 1, d, row, width);
    for (int64_t c = 0; c < d; ++c) keys[c * key_stride + i] = row[c] - mean_k[c];
  }
  Product(d, n, keys, key_stride, queries, width, matrices[0]);
  const Rotation rotation = PolarFactor(d, width, matrices);

  const Tag tag;
  const hn::CappedTag<float, 4> four;
  const float factor = 1 / rotation.divisor;
  for (int64_t first = 0; first < n; first += kMaxRows) {
    const int64_t rows = std::min<int64_t>(kMaxRows, n - first);
    PackRows(q + first * stride, stride, rows, d, queries, width);
    Product(rows, d, queries, width, rotation.transposed, width, turned);
    for (int64_t i = 0; i < rows; ++i) {
      const Element* key = k + (first + i) * stride;
      Element* out = q + (first + i) * stride;
      const auto write = [&](auto v, int64_t c) HWY_ATTR {
        const auto centred = hn::Sub(LoadFloat(v, key + c), hn::LoadU(v, mean_k + c));
        const auto turn = hn::Mul(hn::Set(v, factor), hn::LoadU(v, turned + i * width + c));
        StoreFloat(v, hn::MulAdd(hn::Set(v, p.alpha), centred, turn), out + c);
      };
      int64_t c = 0;
      for (; c + kLanes <= d; c += kLanes) write(tag, c);
      for (; c < d; c += 4) write(four, c);
    }
  }
}

void Procrustes(const ProcrustesParams& p, const CpuQueue& queue) {
  const HeadMemory at(p.tokens, p.head_dim);
  queue.scratch->reserve_workers(queue.pool->threads_here(), at.plan.total());
  queue.pool->parallel_for_workers(p.batch * p.heads, [&](int worker, int64_t item) {
    std::byte* memory = queue.scratch->worker(worker);
    if (p.dtype == DType::kF32) return AlignHead<float>(p, item, at, memory);
    AlignHead<BFloat16>(p, item, at, memory);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(Procrustes);

void procrustes_cpu(const ProcrustesParams& p, CpuQueue queue) {
  check_params(p);
  check_cpu_dtype("procrustes", p.dtype);
  HWY_DYNAMIC_DISPATCH(Procrustes)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
