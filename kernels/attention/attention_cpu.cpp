// One (window, head) is one work item; a thread packs its K (and Q) transposed into panels and its V into
// contiguous rows, then walks over blocks of kMaxRows query rows:
//
//   S (rows, N) = Q_block · Kᵀ      register tile of rows × kPanelVectors vectors, one broadcast per row and step
//   P = exp(scale·S − max), Σ        two passes over rows that lie in L1
//   out = P · V / Σ                  the same register tile over head_dim
//
// Correlative scores run the first two steps for q·qᵀ and for k·kᵀ, add the two normalised P, and multiply with V
// once. Tile 6×4 on 32 registers (24 accumulators, 4 panel vectors, 1 broadcast), 6×2 on 16.
// Working set for N = 197, d = 64: 53 KiB a packed matrix (L2, streamed once per block of rows), 5 KiB of scores (L1).
// On processors with AVX512-BF16, bf16 inputs are multiplied as they are, two a lane and instruction (VDPBF16PS), and
// the probabilities are rounded to bf16 once; elsewhere bf16 is widened to f32 while packing.
// Limit: the FMA units; packing costs N·d stores, softmax about 15 instructions per 16 scores.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/attention_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/arena.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/attention_check.h"
#include "kernels/simd/bf16-inl.h"
#include "kernels/simd/exp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;
constexpr int64_t kLanes = hn::MaxLanes(Tag());
constexpr int kMaxRows = 6;
constexpr int kPanelVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
constexpr int64_t kPanel = kPanelVectors * kLanes;

constexpr int64_t round_up(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}

// Row-major C (rows, columns) = A (rows, depth) · one panel (depth, kPanel), for `Vectors` vectors of the panel.
template <int Rows, int Vectors>
HWY_INLINE void Tile(const float* HWY_RESTRICT a, int64_t a_stride, const float* HWY_RESTRICT panel,
                     int64_t panel_stride, int64_t depth, float* HWY_RESTRICT c, int64_t c_stride) {
  const Tag d;
  Vector acc[Rows][Vectors];
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) acc[r][v] = hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vector b[Vectors];
    for (int v = 0; v < Vectors; ++v) b[v] = hn::Load(d, panel + k * panel_stride + v * kLanes);
    for (int r = 0; r < Rows; ++r) {
      const Vector broadcast = hn::Set(d, a[r * a_stride + k]);
      for (int v = 0; v < Vectors; ++v) acc[r][v] = hn::MulAdd(broadcast, b[v], acc[r][v]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) hn::Store(acc[r][v], d, c + r * c_stride + v * kLanes);
  }
}

template <int Rows>
HWY_INLINE void TileOf(int64_t vectors, const float* a, int64_t a_stride, const float* panel, int64_t panel_stride,
                       int64_t depth, float* c, int64_t c_stride) {
  if constexpr (kPanelVectors == 4) {
    if (vectors >= 4) return Tile<Rows, 4>(a, a_stride, panel, panel_stride, depth, c, c_stride);
    if (vectors == 3) return Tile<Rows, 3>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
  if (vectors >= 2) return Tile<Rows, 2>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  return Tile<Rows, 1>(a, a_stride, panel, panel_stride, depth, c, c_stride);
}

HWY_NOINLINE void TileRows(int64_t rows, int64_t vectors, const float* a, int64_t a_stride, const float* panel,
                           int64_t panel_stride, int64_t depth, float* c, int64_t c_stride) {
  static_assert(kMaxRows == 6);
  switch (rows) {
    case 1: return TileOf<1>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 2: return TileOf<2>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 3: return TileOf<3>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 4: return TileOf<4>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 5: return TileOf<5>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    default: return TileOf<6>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
}

#undef SCLIP_BF16_DOT
#define SCLIP_BF16_DOT (HWY_TARGET == HWY_AVX3 && HWY_COMPILER_GCC_ACTUAL)
#if SCLIP_BF16_DOT
// The same tile over pairs of bf16. Highway 1.0 has no target with VDPBF16PS, hence the intrinsics.
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bf16")

template <int Rows, int Vectors>
HWY_INLINE void PairTile(const float* HWY_RESTRICT a, int64_t a_stride, const float* HWY_RESTRICT panel,
                         int64_t panel_stride, int64_t depth, float* HWY_RESTRICT c, int64_t c_stride) {
  __m512 acc[Rows][Vectors];
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) acc[r][v] = _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < depth; ++k) {
    __m512bh b[Vectors];
    for (int v = 0; v < Vectors; ++v) b[v] = (__m512bh)_mm512_load_ps(panel + k * panel_stride + v * kLanes);
    for (int r = 0; r < Rows; ++r) {
      const auto broadcast = (__m512bh)_mm512_set1_ps(a[r * a_stride + k]);
      for (int v = 0; v < Vectors; ++v) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], broadcast, b[v]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) _mm512_store_ps(c + r * c_stride + v * kLanes, acc[r][v]);
  }
}

template <int Rows>
HWY_INLINE void PairTileOf(int64_t vectors, const float* a, int64_t a_stride, const float* panel, int64_t panel_stride,
                           int64_t depth, float* c, int64_t c_stride) {
  if (vectors >= 4) return PairTile<Rows, 4>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  if (vectors == 3) return PairTile<Rows, 3>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  if (vectors == 2) return PairTile<Rows, 2>(a, a_stride, panel, panel_stride, depth, c, c_stride);
  return PairTile<Rows, 1>(a, a_stride, panel, panel_stride, depth, c, c_stride);
}

HWY_NOINLINE void PairTileRows(int64_t rows, int64_t vectors, const float* a, int64_t a_stride, const float* panel,
                               int64_t panel_stride, int64_t depth, float* c, int64_t c_stride) {
  switch (rows) {
    case 1: return PairTileOf<1>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 2: return PairTileOf<2>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 3: return PairTileOf<3>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 4: return PairTileOf<4>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    case 5: return PairTileOf<5>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
    default: return PairTileOf<6>(vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
}

#pragma GCC pop_options
#endif  // SCLIP_BF16_DOT

// (N, d) with rows `stride` apart → panels (⌈N/kPanel⌉, d, kPanel); columns beyond N are zero.
template <typename In>
void PackTransposed(const In* HWY_RESTRICT src, int64_t stride, int64_t tokens, int64_t dim, float* HWY_RESTRICT out) {
  const hn::CappedTag<float, 4> d4;
  for (int64_t first = 0; first < tokens; first += kPanel, out += dim * kPanel) {
    const int64_t columns = std::min(kPanel, tokens - first);
    int64_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      const In* row = src + (first + j) * stride;
      for (int64_t c = 0; c < dim; c += 4) {
        const auto r0 = LoadFloat(d4, row + c);
        const auto r1 = LoadFloat(d4, row + stride + c);
        const auto r2 = LoadFloat(d4, row + 2 * stride + c);
        const auto r3 = LoadFloat(d4, row + 3 * stride + c);
        const auto low02 = hn::InterleaveLower(d4, r0, r2);
        const auto low13 = hn::InterleaveLower(d4, r1, r3);
        const auto high02 = hn::InterleaveUpper(d4, r0, r2);
        const auto high13 = hn::InterleaveUpper(d4, r1, r3);
        float* o = out + c * kPanel + j;
        hn::StoreU(hn::InterleaveLower(d4, low02, low13), d4, o);
        hn::StoreU(hn::InterleaveUpper(d4, low02, low13), d4, o + kPanel);
        hn::StoreU(hn::InterleaveLower(d4, high02, high13), d4, o + 2 * kPanel);
        hn::StoreU(hn::InterleaveUpper(d4, high02, high13), d4, o + 3 * kPanel);
      }
    }
    const hn::CappedTag<float, 1> one;
    for (; j < columns; ++j) {
      for (int64_t c = 0; c < dim; ++c) {
        out[c * kPanel + j] = hn::GetLane(LoadFloat(one, src + (first + j) * stride + c));
      }
    }
    for (int64_t c = 0; columns < kPanel && c < dim; ++c) {
      std::memset(out + c * kPanel + columns, 0, static_cast<size_t>(kPanel - columns) * sizeof(float));
    }
  }
}

// (rows, d) with rows `stride` apart → (rows, out_stride); d is a multiple of 4.
template <typename In>
void PackRows(const In* HWY_RESTRICT src, int64_t stride, int64_t rows, int64_t dim, float* HWY_RESTRICT out,
              int64_t out_stride) {
  const Tag d;
  const hn::CappedTag<float, 4> d4;
  for (int64_t i = 0; i < rows; ++i, src += stride, out += out_stride) {
    int64_t c = 0;
    for (; c + kLanes <= dim; c += kLanes) hn::StoreU(LoadFloat(d, src + c), d, out + c);
    for (; c < dim; c += 4) hn::StoreU(LoadFloat(d4, src + c), d4, out + c);
    for (; c < out_stride; ++c) out[c] = 0;
  }
}

// In place: row[j] = exp(scale·row[j] (+ bias[j]) − max) for j < visible, 0 up to `padded`. Returns the sum.
HWY_INLINE float ExpRow(float* HWY_RESTRICT row, const float* HWY_RESTRICT bias, int64_t visible, int64_t padded,
                        float scale) {
  const Tag d;
  const auto minus_infinity = hn::Set(d, -std::numeric_limits<float>::infinity());
  const int64_t full = visible / kLanes * kLanes;
  const auto rest = hn::FirstN(d, static_cast<size_t>(visible - full));
  const auto factor = hn::Set(d, scale);
  if (bias != nullptr) {
    for (int64_t j = 0; j < full; j += kLanes) {
      hn::Store(hn::MulAdd(hn::Load(d, row + j), factor, hn::LoadU(d, bias + j)), d, row + j);
    }
    for (int64_t j = full; j < visible; ++j) row[j] = row[j] * scale + bias[j];
  }
  auto m0 = minus_infinity, m1 = minus_infinity;
  int64_t j = 0;
  for (; j + 2 * kLanes <= full; j += 2 * kLanes) {
    m0 = hn::Max(m0, hn::Load(d, row + j));
    m1 = hn::Max(m1, hn::Load(d, row + j + kLanes));
  }
  if (j < full) m0 = hn::Max(m0, hn::Load(d, row + j));
  if (full < visible) m1 = hn::Max(m1, hn::IfThenElse(rest, hn::Load(d, row + full), minus_infinity));
  const auto largest = hn::MaxOfLanes(d, hn::Max(m0, m1));

  const auto slope = bias != nullptr ? hn::Set(d, 1.0f) : factor;
  const auto offset = hn::Mul(largest, slope);
  auto s0 = hn::Zero(d), s1 = hn::Zero(d);
  for (j = 0; j + 2 * kLanes <= full; j += 2 * kLanes) {
    const auto e0 = FastExp(d, hn::MulSub(hn::Load(d, row + j), slope, offset));
    const auto e1 = FastExp(d, hn::MulSub(hn::Load(d, row + j + kLanes), slope, offset));
    hn::Store(e0, d, row + j);
    hn::Store(e1, d, row + j + kLanes);
    s0 = hn::Add(s0, e0);
    s1 = hn::Add(s1, e1);
  }
  if (j < full) {
    const auto e = FastExp(d, hn::MulSub(hn::Load(d, row + j), slope, offset));
    hn::Store(e, d, row + j);
    s0 = hn::Add(s0, e);
  }
  if (full < visible) {
    const auto e = FastExp(d, hn::MulSub(hn::Load(d, row + full), slope, offset));
    const auto kept = hn::IfThenElseZero(rest, e);
    hn::Store(kept, d, row + full);
    s1 = hn::Add(s1, kept);
  }
  for (j = round_up(visible, kLanes); j < padded; j += kLanes) hn::Store(hn::Zero(d), d, row + j);
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
}

// How the two matrix products of a head are computed: what is packed, and the register tile over it.
// Packed data are floats, or pairs of bf16 in the space of one.
template <typename Element>
struct WidenedProducts {
  static void PackPanels(const Element* src, int64_t stride, int64_t tokens, int64_t dim, float* out) {
    PackTransposed(src, stride, tokens, dim, out);
  }
  static void PackQueries(const Element* src, int64_t stride, int64_t rows, int64_t dim, float* out) {
    PackRows(src, stride, rows, dim, out, dim);
  }
  static void PackValues(const Element* src, int64_t stride, int64_t tokens, int64_t dim, float* out,
                         int64_t out_stride) {
    PackRows(src, stride, tokens, dim, out, out_stride);
  }
  // Left operand of P·V: the scores where they lie.
  static const float* PackProbabilities(float* scores, int64_t /*rows*/, int64_t /*columns*/, int64_t /*depth*/) {
    return scores;
  }
  static int64_t Depth(int64_t n) { return n; }
  static void Product(int64_t rows, int64_t vectors, const float* a, int64_t a_stride, const float* panel,
                      int64_t panel_stride, int64_t depth, float* c, int64_t c_stride) {
    TileRows(rows, vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
};

#if SCLIP_BF16_DOT
struct Bf16Products {
  static const float* Pairs(const BFloat16* p) { return reinterpret_cast<const float*>(p); }

  static void PackPanels(const BFloat16* src, int64_t stride, int64_t tokens, int64_t dim, float* out) {
    PackTransposed(Pairs(src), stride / 2, tokens, dim / 2, out);
  }
  static void PackQueries(const BFloat16* src, int64_t stride, int64_t rows, int64_t dim, float* out) {
    PackRows(Pairs(src), stride / 2, rows, dim / 2, out, dim / 2);
  }
  // Rows 2j and 2j + 1 side by side in each lane; an odd last row is paired with zeros.
  static void PackValues(const BFloat16* src, int64_t stride, int64_t tokens, int64_t dim, float* out,
                         int64_t out_stride) {
    const hn::CappedTag<float, 8> d;  // dim is a multiple of 8
    const hn::RebindToUnsigned<decltype(d)> d32;
    const hn::Rebind<uint16_t, decltype(d)> d16;
    for (int64_t j = 0; j < tokens; j += 2, src += 2 * stride, out += out_stride) {
      const auto* even = reinterpret_cast<const uint16_t*>(src);
      int64_t c = 0;
      for (; c < dim; c += 8) {
        auto pair = hn::PromoteTo(d32, hn::LoadU(d16, even + c));
        if (j + 1 < tokens) {
          pair = hn::Or(pair, hn::ShiftLeft<16>(hn::PromoteTo(d32, hn::LoadU(d16, even + stride + c))));
        }
        hn::StoreU(hn::BitCast(d, pair), d, out + c);
      }
      for (; c < out_stride; ++c) out[c] = 0;
    }
  }
  // In place: a row of floats becomes a row of pairs at its beginning.
  static const float* PackProbabilities(float* scores, int64_t rows, int64_t columns, int64_t depth) {
    const Tag d;
    for (int64_t r = 0; r < rows; ++r) {
      const float* from = scores + r * columns;
      auto* to = reinterpret_cast<BFloat16*>(scores + r * columns);
      for (int64_t j = 0; j < depth; j += kLanes) StoreFloat(d, hn::Load(d, from + j), to + j);
    }
    return scores;
  }
  static int64_t Depth(int64_t n) { return (n + 1) / 2; }
  static void Product(int64_t rows, int64_t vectors, const float* a, int64_t a_stride, const float* panel,
                      int64_t panel_stride, int64_t depth, float* c, int64_t c_stride) {
    PairTileRows(rows, vectors, a, a_stride, panel, panel_stride, depth, c, c_stride);
  }
};
#endif  // SCLIP_BF16_DOT

// One worker's memory, cut out of its scratch.
struct Scratch {
  explicit Scratch(const AttentionParams& p) {
    ArenaPlan arena;
    const auto add = [&](int64_t floats) { return arena.add(static_cast<size_t>(floats) * sizeof(float)); };
    const int64_t columns = round_up(p.tokens, kPanel), v_stride = round_up(p.head_dim, kLanes);
    k_panels = add(columns * p.head_dim);
    q_panels = add(columns * p.head_dim);
    v = add(p.tokens * v_stride);
    rows = add(kMaxRows * p.head_dim);
    scores = add(kMaxRows * columns);
    scores2 = add(kMaxRows * columns);
    out = add(kMaxRows * v_stride);
    bytes = arena.total();
  }
  size_t k_panels, q_panels, v, rows, scores, scores2, out, bytes;
};

template <typename Element, typename Products>
class Head {
 public:
  Head(const AttentionParams& p, int64_t item, const Scratch& plan, std::byte* memory)
      : p_(p),
        stride_(3 * p.heads * p.head_dim),
        columns_(round_up(p.tokens, kPanel)),
        v_stride_(round_up(p.head_dim, kLanes)) {
    const int64_t b = item / p.heads;
    const int64_t h = item % p.heads;
    q_ = static_cast<const Element*>(p.qkv) + b * p.tokens * stride_ + h * p.head_dim;
    k_ = q_ + p.heads * p.head_dim;
    v_ = k_ + p.heads * p.head_dim;
    out_ = static_cast<Element*>(p.out) + (b * p.tokens * p.heads + h) * p.head_dim;
    const auto at = [memory](size_t offset) { return reinterpret_cast<float*>(memory + offset); };
    k_panels_ = at(plan.k_panels);
    q_panels_ = at(plan.q_panels);
    values_ = at(plan.v);
    rows_ = at(plan.rows);
    scores_ = at(plan.scores);
    scores2_ = at(plan.scores2);
    products_ = at(plan.out);
  }

  void Run() {
    const AttentionScores kind = p_.scores;
    const bool correlative = kind == AttentionScores::kCorrelative;
    const bool right_is_q = kind == AttentionScores::kQueryQuery || correlative;
    const bool right_is_k = kind != AttentionScores::kQueryQuery;
    if (right_is_k) Products::PackPanels(k_, stride_, p_.tokens, p_.head_dim, k_panels_);
    if (right_is_q) Products::PackPanels(q_, stride_, p_.tokens, p_.head_dim, q_panels_);
    Products::PackValues(v_, stride_, p_.tokens, p_.head_dim, values_, v_stride_);

    for (int64_t first = 0; first < p_.tokens; first += kMaxRows) {
      const int64_t rows = std::min<int64_t>(kMaxRows, p_.tokens - first);
      float inverse[kMaxRows];
      float inverse2[kMaxRows];
      Probabilities(kind == AttentionScores::kKeyKey ? k_ : q_, right_is_q ? q_panels_ : k_panels_, first, rows,
                    scores_, inverse);
      if (correlative) {
        Probabilities(k_, k_panels_, first, rows, scores2_, inverse2);
        for (int64_t r = 0; r < rows; ++r) AddScaled(r, inverse[r], inverse2[r]);
        std::fill_n(inverse, kMaxRows, 1.0f);
      }
      Output(first, rows, inverse);
    }
  }

 private:
  void Probabilities(const Element* left, const float* panels, int64_t first, int64_t rows, float* scores,
                     float* inverse) {
    const int64_t depth = Products::Depth(p_.head_dim);
    Products::PackQueries(left + first * stride_, stride_, rows, p_.head_dim, rows_);
    const int64_t needed = p_.causal ? first + rows : p_.tokens;
    for (int64_t column = 0; column < needed; column += kPanel) {
      const int64_t vectors = std::min<int64_t>(kPanelVectors, (needed - column + kLanes - 1) / kLanes);
      Products::Product(rows, vectors, rows_, depth, panels + column * depth, kPanel, depth, scores + column, columns_);
    }
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t visible = p_.causal ? first + r + 1 : p_.tokens;
      const float* bias = p_.bias.data != nullptr ? p_.bias.data + (first + r) * p_.tokens : nullptr;
      inverse[r] = 1.0f / ExpRow(scores + r * columns_, bias, visible, columns_, p_.softmax_scale);
    }
  }

  void AddScaled(int64_t r, float factor, float factor2) {
    const Tag d;
    float* HWY_RESTRICT a = scores_ + r * columns_;
    const float* HWY_RESTRICT b = scores2_ + r * columns_;
    const auto f = hn::Set(d, factor), f2 = hn::Set(d, factor2);
    for (int64_t j = 0; j < p_.tokens; j += kLanes) {
      hn::Store(hn::MulAdd(hn::Load(d, a + j), f, hn::Mul(hn::Load(d, b + j), f2)), d, a + j);
    }
  }

  void Output(int64_t first, int64_t rows, const float* inverse) {
    const Tag d;
    const hn::CappedTag<float, 4> d4;
    const int64_t seen = p_.causal ? first + rows : p_.tokens;
    const float* weights = Products::PackProbabilities(scores_, rows, columns_, seen);
    for (int64_t c = 0; c < v_stride_; c += kPanel) {
      const int64_t vectors = std::min<int64_t>(kPanelVectors, (v_stride_ - c) / kLanes);
      Products::Product(rows, vectors, weights, columns_, values_ + c, v_stride_, Products::Depth(seen), products_ + c,
                        v_stride_);
    }
    for (int64_t r = 0; r < rows; ++r) {
      const float* src = products_ + r * v_stride_;
      Element* dst = out_ + (first + r) * p_.heads * p_.head_dim;
      int64_t c = 0;
      for (; c + kLanes <= p_.head_dim; c += kLanes) {
        StoreFloat(d, hn::Mul(hn::Load(d, src + c), hn::Set(d, inverse[r])), dst + c);
      }
      for (; c < p_.head_dim; c += 4) {
        StoreFloat(d4, hn::Mul(hn::LoadU(d4, src + c), hn::Set(d4, inverse[r])), dst + c);
      }
    }
  }

  const AttentionParams& p_;
  float *k_panels_, *q_panels_, *values_, *rows_, *scores_, *scores2_, *products_;
  const Element* q_;
  const Element* k_;
  const Element* v_;
  Element* out_;
  int64_t stride_;    // elements from a token to the next in qkv
  int64_t columns_;   // N rounded up to whole panels
  int64_t v_stride_;  // d rounded up to whole vectors
};

template <typename Element, typename Products>
void AttentionOf(const AttentionParams& p, CpuQueue queue) {
  const Scratch plan(p);
  queue.scratch->reserve_workers(queue.pool->threads_here(), plan.bytes);
  queue.pool->parallel_for_workers(p.batch * p.heads, [&](int worker, int64_t item) {
    Head<Element, Products>(p, item, plan, queue.scratch->worker(worker)).Run();
  });
}

void Attention(const AttentionParams& p, CpuQueue queue) {
  if (p.dtype != DType::kBF16) return AttentionOf<float, WidenedProducts<float>>(p, queue);
#if SCLIP_BF16_DOT
  if (__builtin_cpu_supports("avx512bf16") && p.head_dim % 8 == 0) return AttentionOf<BFloat16, Bf16Products>(p, queue);
#endif
  AttentionOf<BFloat16, WidenedProducts<BFloat16>>(p, queue);
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {
namespace {

// MaskCLIP: every token keeps its own value.
void copy_values(const AttentionParams& p) {
  const auto width = static_cast<size_t>(p.heads * p.head_dim) * size_of(p.dtype);
  const auto* src = static_cast<const char*>(p.qkv) + 2 * width;
  auto* dst = static_cast<char*>(p.out);
  for (int64_t i = 0; i < p.batch * p.tokens; ++i, src += 3 * width, dst += width) std::memcpy(dst, src, width);
}

}  // namespace

HWY_EXPORT(Attention);

void attention_cpu(const AttentionParams& p, CpuQueue queue) {
  SCLIP_CHECK(p.dtype == DType::kF32 || p.dtype == DType::kBF16, kInvalidArgument, "attention takes F32 or BF16, not ",
              to_string(p.dtype));
  check_params(p);
  SCLIP_CHECK(!is_general(p) && p.out != nullptr, kUnsupported, "attention: general probabilities are not there yet");
  if (p.scores == AttentionScores::kIdentity) return copy_values(p);
  HWY_DYNAMIC_DISPATCH(Attention)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
