// One head of one window: packed once, then walked over in blocks of query rows.
// Highway style: included once per target from inside a foreach_target file.

#if defined(SCLIP_KERNELS_ATTENTION_HEAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SCLIP_KERNELS_ATTENTION_HEAD_INL_H_
#undef SCLIP_KERNELS_ATTENTION_HEAD_INL_H_
#else
#define SCLIP_KERNELS_ATTENTION_HEAD_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/arena.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/attention_products-inl.h"
#include "kernels/attention/attention_softmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

// What a worker holds while it computes a head. Packed data are floats, or pairs of bf16 in the space of one.
struct HeadBuffers {
  int64_t columns;   // N rounded up to whole panels
  int64_t v_stride;  // d rounded up to whole vectors
  size_t panels[3];  // q, k and v, transposed
  size_t values, rows, scores, more_scores, out;
  size_t bytes;

  explicit HeadBuffers(const AttentionParams& p)
      : columns(round_up(p.tokens, kPanel)), v_stride(round_up(p.head_dim, kLanes)) {
    ArenaPlan plan;
    const auto add = [&](int64_t floats) {
      const size_t at = plan.add(static_cast<size_t>(floats) * sizeof(float));
      plan.add(kPageSkew);
      return at;
    };
    const bool value_scores = p.scores == AttentionScores::kValueValue || p.scores == AttentionScores::kSelfSelf;
    for (int side = 0; side < 3; ++side) panels[side] = add(side < 2 || value_scores ? columns * p.head_dim : 0);
    values = add(p.tokens * v_stride);
    rows = add(kMaxRows * p.head_dim);
    scores = add(kMaxRows * columns);
    more_scores = add(kMaxRows * columns);
    out = add(kMaxRows * v_stride);
    bytes = plan.total();
  }
};

template <typename Element, typename Products>
class Head {
 public:
  // Packs what its rows share.
  Head(const AttentionParams& p, const HeadBuffers& buffers, std::byte* memory, int64_t batch, int64_t head)
      : p_(p),
        buffers_(buffers),
        memory_(memory),
        batch_(batch),
        head_(head),
        stride_(3 * p.heads * p.head_dim),
        softmaxes_(count_softmaxes(p.scores)),
        general_(is_general(p)),
        scale_(p.window_scales != nullptr ? p.softmax_scale * p.window_scales[batch] : p.softmax_scale) {
    const int64_t q = batch * p.tokens * stride_ + head * p.head_dim, v = q + 2 * p.heads * p.head_dim;
    for (int side = 0; p.qkv != nullptr && side < 3; ++side) {
      sides_[side] = static_cast<const Element*>(p.qkv) + q + side * p.heads * p.head_dim;
    }
    for (int s = 0; has_products(p.scores) && s < softmaxes_; ++s) {
      const int right = SidesOf(s).second;
      Products::PackPanels(sides_[right], stride_, p.tokens, p.head_dim, At(buffers.panels[right]));
    }
    if (p.out != nullptr) {
      const void* values = p.values != nullptr ? p.values : p.qkv;
      Products::PackValues(static_cast<const Element*>(values) + v, stride_, p.tokens, p.head_dim, At(buffers.values),
                           buffers.v_stride);
    }
  }

  // Query rows [begin, end).
  void Run(int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kMaxRows) {
      const int64_t rows = std::min<int64_t>(kMaxRows, end - first);
      float inverse[kMaxRows] = {};
      Softmaxes(first, rows, inverse);
      if (general_) Generalise(first, rows, inverse);
      if (p_.out != nullptr) Output(first, rows, inverse);
    }
  }

 private:
  float* At(size_t offset) const { return reinterpret_cast<float*>(memory_ + offset); }

  // Left and right side of softmax `s`: 0 for q, 1 for k, 2 for v.
  std::pair<int, int> SidesOf(int s) const {
    switch (p_.scores) {
      case AttentionScores::kQueryKey: return {0, 1};
      case AttentionScores::kKeyKey: return {1, 1};
      case AttentionScores::kValueValue: return {2, 2};
      default: return {s, s};
    }
  }

  const float* RowOf(const AttentionMatrix& m, int64_t row) const {
    if (m.data == nullptr) return nullptr;
    const int64_t row_stride = m.row_stride != 0 ? m.row_stride : p_.tokens;
    return m.data + batch_ * m.batch_stride + head_ * m.head_stride + row * row_stride;
  }

  // The sum of the softmaxes becomes `scores` times `inverse`.
  void Softmaxes(int64_t first, int64_t rows, float* inverse) {
    if (softmaxes_ == 0) std::fill_n(At(buffers_.scores), rows * buffers_.columns, 0.0f);
    for (int s = 0; s < softmaxes_; ++s) {
      if (s == 0) {
        Softmax(s, first, rows, At(buffers_.scores), inverse);
        continue;
      }
      float inverse2[kMaxRows];
      Softmax(s, first, rows, At(buffers_.more_scores), inverse2);
      for (int64_t r = 0; r < rows; ++r) AddScaled(r, inverse[r], inverse2[r]);
      std::fill_n(inverse, kMaxRows, 1.0f);
    }
  }

  void Softmax(int s, int64_t first, int64_t rows, float* scores, float* inverse) {
    const int64_t columns = buffers_.columns;
    if (has_products(p_.scores)) {
      const auto [left, right] = SidesOf(s);
      const float* panels = At(buffers_.panels[right]);
      const int64_t depth = Products::Depth(p_.head_dim);
      Products::PackQueries(sides_[left] + first * stride_, stride_, rows, p_.head_dim, At(buffers_.rows));
      const int64_t needed = p_.causal ? first + rows : p_.tokens;
      for (int64_t column = 0; column < needed; column += kPanel) {
        const int64_t vectors = std::min<int64_t>(kPanelVectors, (needed - column + kLanes - 1) / kLanes);
        Products::Product(rows, vectors, At(buffers_.rows), depth, panels + column * depth, kPanel, depth,
                          scores + column, columns);
      }
    } else {
      std::fill_n(scores, rows * columns, 0.0f);
    }
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t visible = p_.causal ? first + r + 1 : p_.tokens;
      inverse[r] = 1.0f / ExpRow(scores + r * columns, RowOf(p_.bias, first + r), visible, columns, scale_);
    }
  }

  void AddScaled(int64_t r, float factor, float factor2) {
    const Tag d;
    float* HWY_RESTRICT a = At(buffers_.scores) + r * buffers_.columns;
    const float* HWY_RESTRICT b = At(buffers_.more_scores) + r * buffers_.columns;
    const auto f = hn::Set(d, factor), f2 = hn::Set(d, factor2);
    for (int64_t j = 0; j < p_.tokens; j += kLanes) {
      hn::Store(hn::MulAdd(hn::Load(d, a + j), f, hn::Mul(hn::Load(d, b + j), f2)), d, a + j);
    }
  }

  // `scores` become P, `inverse` 1, and P goes where it is wanted. For the mean, the heads of a row come one after
  // another.
  void Generalise(int64_t first, int64_t rows, float* inverse) {
    const Tag d;
    const hn::CappedTag<float, 1> one;
    const int64_t full = p_.tokens / kLanes * kLanes;
    const int64_t matrix = p_.mean_of_heads ? batch_ : batch_ * p_.heads + head_;
    const float share = p_.mean_of_heads ? 1.0f / static_cast<float>(p_.heads) : 1.0f;
    const bool add = p_.accumulate || (p_.mean_of_heads && head_ > 0);
    for (int64_t r = 0; r < rows; ++r) {
      float* HWY_RESTRICT row = At(buffers_.scores) + r * buffers_.columns;
      const float* HWY_RESTRICT added = RowOf(p_.added, first + r);
      float* HWY_RESTRICT to = nullptr;
      if (p_.probabilities != nullptr) to = p_.probabilities + (matrix * p_.tokens + first + r) * p_.tokens;
      const float weight = p_.softmax_weight * inverse[r];
      const auto element = [&](auto tag, int64_t j) HWY_ATTR {
        auto x = hn::Mul(hn::LoadU(tag, row + j), hn::Set(tag, weight));
        if (added != nullptr) x = hn::MulAdd(hn::LoadU(tag, added + j), hn::Set(tag, p_.added_weight), x);
        hn::StoreU(x, tag, row + j);
        if (to == nullptr) return;
        x = hn::Mul(x, hn::Set(tag, share));
        hn::StoreU(add ? hn::Add(x, hn::LoadU(tag, to + j)) : x, tag, to + j);
      };
      for (int64_t j = 0; j < full; j += kLanes) element(d, j);
      for (int64_t j = full; j < p_.tokens; ++j) element(one, j);
      inverse[r] = 1.0f;
    }
  }

  void Output(int64_t first, int64_t rows, const float* inverse) {
    const Tag d;
    const hn::CappedTag<float, 4> d4;
    const int64_t seen = p_.causal ? first + rows : p_.tokens;
    const float* weights = Products::PackProbabilities(At(buffers_.scores), rows, buffers_.columns, seen);
    for (int64_t c = 0; c < buffers_.v_stride; c += kPanel) {
      const int64_t vectors = std::min<int64_t>(kPanelVectors, (buffers_.v_stride - c) / kLanes);
      Products::Product(rows, vectors, weights, buffers_.columns, At(buffers_.values) + c, buffers_.v_stride,
                        Products::Depth(seen), At(buffers_.out) + c, buffers_.v_stride);
    }
    auto* const first_row = static_cast<Element*>(p_.out) + (batch_ * p_.tokens * p_.heads + head_) * p_.head_dim;
    for (int64_t r = 0; r < rows; ++r) {
      const float* src = At(buffers_.out) + r * buffers_.v_stride;
      Element* dst = first_row + (first + r) * p_.heads * p_.head_dim;
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
  const HeadBuffers& buffers_;
  std::byte* memory_;
  int64_t batch_, head_;
  int64_t stride_;  // elements from a token to the next in qkv
  int softmaxes_;
  bool general_;
  float scale_;
  const Element* sides_[3] = {};  // q, k and v of the first token
};

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
