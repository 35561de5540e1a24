// One node is one work item: its path to the root is walked once, then per head every ancestor gives a dot product,
// a softmax weight, and a share of V. Paths are short (prompts have about 10 tokens), so this is a percent of the
// tower's time; the GEMMs around it are the rest.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/tree_attention/tree_attention_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/simd/bf16-inl.h"
#include "kernels/simd/exp-inl.h"
#include "kernels/tree_attention/tree_attention.h"
#include "sclip/error.h"

HWY_BEFORE_NAMESPACE();
namespace sclip {
namespace HWY_NAMESPACE {

template <class D, typename Element>
HWY_INLINE float Dot(D d, const Element* HWY_RESTRICT a, const Element* HWY_RESTRICT b, int64_t dim) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  for (int64_t c = 0; c < dim; c += lanes) sum = hn::MulAdd(LoadFloat(d, a + c), LoadFloat(d, b + c), sum);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// `d` has a number of lanes that divides head_dim.
template <class D, typename Element>
void Node(D d, const TreeAttentionParams& p, int64_t index) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t width = p.heads * p.head_dim;
  const auto* qkv = static_cast<const Element*>(p.qkv);
  const int64_t node = p.targets != nullptr ? p.targets[index] : index;

  int32_t path[kTreeAttentionMaxDepth];
  int64_t depth = 0;
  for (auto a = static_cast<int32_t>(node); a >= 0 && depth < kTreeAttentionMaxDepth; a = p.parent[a])
    path[depth++] = a;

  HWY_ALIGN float weights[kTreeAttentionMaxDepth + HWY_MAX_BYTES];
  const hn::ScalableTag<float> dw;
  const auto wide = static_cast<int64_t>(hn::Lanes(dw));
  for (int64_t h = 0; h < p.heads; ++h) {
    const Element* q = qkv + node * 3 * width + h * p.head_dim;
    float largest = -3.4e38f;
    for (int64_t j = 0; j < depth; ++j) {
      weights[j] = p.softmax_scale * Dot(d, q, qkv + path[j] * 3 * width + width + h * p.head_dim, p.head_dim);
      largest = std::max(largest, weights[j]);
    }
    for (int64_t j = depth; j % wide != 0; ++j) weights[j] = -3.4e38f;
    auto sums = hn::Zero(dw);
    for (int64_t j = 0; j < depth; j += wide) {
      const auto e = FastExp(dw, hn::Sub(hn::Load(dw, weights + j), hn::Set(dw, largest)));
      hn::Store(e, dw, weights + j);
      sums = hn::Add(sums, e);
    }
    const float inverse = 1.0f / hn::GetLane(hn::SumOfLanes(dw, sums));

    Element* out = static_cast<Element*>(p.out) + index * width + h * p.head_dim;
    for (int64_t c = 0; c < p.head_dim; c += lanes) {
      auto sum = hn::Zero(d);
      for (int64_t j = 0; j < depth; ++j) {
        const Element* v = qkv + path[j] * 3 * width + 2 * width + h * p.head_dim;
        sum = hn::MulAdd(hn::Set(d, weights[j]), LoadFloat(d, v + c), sum);
      }
      StoreFloat(d, hn::Mul(sum, hn::Set(d, inverse)), out + c);
    }
  }
}

template <typename Element>
void TreeAttentionOf(const TreeAttentionParams& p, CpuQueue queue) {
  const int64_t count = p.targets != nullptr ? p.targets_count : p.nodes;
  const hn::CappedTag<float, 16> d;
  const hn::CappedTag<float, 4> d4;
  const bool whole = p.head_dim % static_cast<int64_t>(hn::Lanes(d)) == 0;
  constexpr int64_t kNodes = 32;  // taken at a time
  queue.pool->parallel_for((count + kNodes - 1) / kNodes, [&](int64_t block) {
    const int64_t end = std::min(count, (block + 1) * kNodes);
    for (int64_t i = block * kNodes; i < end; ++i) {
      if (whole) {
        Node<decltype(d), Element>(d, p, i);
      } else {
        Node<decltype(d4), Element>(d4, p, i);
      }
    }
  });
}

void TreeAttention(const TreeAttentionParams& p, CpuQueue queue) {
  if (p.dtype == DType::kBF16) {
    TreeAttentionOf<BFloat16>(p, queue);
  } else {
    TreeAttentionOf<float>(p, queue);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace sclip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sclip {

HWY_EXPORT(TreeAttention);

void tree_attention_cpu(const TreeAttentionParams& p, CpuQueue queue) {
  check_params(p);
  check_cpu_dtype("tree_attention", p.dtype);
  HWY_DYNAMIC_DISPATCH(TreeAttention)(p, queue);
}

}  // namespace sclip
#endif  // HWY_ONCE
