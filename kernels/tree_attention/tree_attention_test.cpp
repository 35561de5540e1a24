#include "kernels/tree_attention/tree_attention.h"

#include "kernels/attention/attention.h"
#include "tests/catch.h"
#include "tests/compare.h"

using namespace sclip;
using testing::random_normal;

namespace {

// Each node hangs below a random earlier one.
std::vector<int32_t> random_tree(int64_t nodes, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<int32_t> parent{-1};
  for (int64_t i = 1; i < nodes; ++i) {
    parent.push_back(static_cast<int32_t>(generator() % 4 == 0 ? generator() % static_cast<uint32_t>(i)
                                                               : static_cast<uint32_t>(i) - 1));
  }
  return parent;
}

constexpr double kTolerance = 64 * 0x1p-24;

}  // namespace

TEST_CASE("tree_attention agrees with the oracle", "[tree_attention]") {
  const auto [nodes, heads, head_dim] =
      GENERATE(table<int64_t, int64_t, int64_t>({{1, 1, 64}, {77, 2, 64}, {130, 3, 20}, {40, 1, 128}}));
  const auto count = static_cast<size_t>(nodes * heads * head_dim);
  const auto qkv = random_normal(3 * count, 21);
  const auto parent = random_tree(nodes, 22);
  std::vector<float> expected(count), actual(count);
  TreeAttentionParams p{.qkv = qkv.data(),
                        .out = expected.data(),
                        .parent = parent.data(),
                        .nodes = nodes,
                        .max_depth = nodes,
                        .heads = heads,
                        .head_dim = head_dim,
                        .softmax_scale = 0.125f};
  ref::tree_attention(p);
  p.out = actual.data();
  tree_attention_cpu(p);
  const auto same = testing::all_close(actual.data(), expected.data(), count, kTolerance, kTolerance);
  INFO(same.message);
  CHECK(same);

  const std::vector<int32_t> targets{static_cast<int32_t>(nodes - 1), 0};
  std::vector<float> some(2 * static_cast<size_t>(heads * head_dim));
  p.out = some.data();
  p.targets = targets.data();
  p.targets_count = 2;
  tree_attention_cpu(p);
  for (size_t i = 0; i < some.size(); ++i) {
    const size_t row = static_cast<size_t>(heads * head_dim);
    REQUIRE(some[i] == actual[static_cast<size_t>(targets[i / row]) * row + i % row]);
  }
}

TEST_CASE("tree_attention over a path is causal attention", "[tree_attention]") {
  const int64_t tokens = 77, heads = 2, head_dim = 64;
  const auto count = static_cast<size_t>(tokens * heads * head_dim);
  const auto qkv = random_normal(3 * count, 23);
  std::vector<int32_t> parent(tokens);
  for (int32_t i = 0; i < tokens; ++i) parent[static_cast<size_t>(i)] = i - 1;
  std::vector<float> causal(count), tree(count);
  ref::attention({.qkv = qkv.data(),
                  .out = causal.data(),
                  .causal = true,
                  .batch = 1,
                  .tokens = tokens,
                  .heads = heads,
                  .head_dim = head_dim,
                  .softmax_scale = 0.125f});
  tree_attention_cpu({.qkv = qkv.data(),
                      .out = tree.data(),
                      .parent = parent.data(),
                      .nodes = tokens,
                      .max_depth = tokens,
                      .heads = heads,
                      .head_dim = head_dim,
                      .softmax_scale = 0.125f});
  const auto same = testing::all_close(tree.data(), causal.data(), count, kTolerance, kTolerance);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("tree_attention in bf16 rounds its output once", "[tree_attention]") {
  const int64_t nodes = 50, heads = 2, head_dim = 64;
  const auto count = static_cast<size_t>(nodes * heads * head_dim);
  auto qkv = random_normal(3 * count, 24);
  std::vector<BFloat16> qkv16(3 * count), actual(count);
  for (size_t i = 0; i < qkv.size(); ++i) qkv[i] = to_float(qkv16[i] = to_bfloat16(qkv[i]));
  const auto parent = random_tree(nodes, 25);
  std::vector<float> expected(count), got(count);
  TreeAttentionParams p{.qkv = qkv.data(),
                        .out = expected.data(),
                        .parent = parent.data(),
                        .nodes = nodes,
                        .max_depth = nodes,
                        .heads = heads,
                        .head_dim = head_dim,
                        .softmax_scale = 0.125f};
  ref::tree_attention(p);
  p.qkv = qkv16.data();
  p.out = actual.data();
  p.dtype = DType::kBF16;
  tree_attention_cpu(p);
  for (size_t i = 0; i < count; ++i) got[i] = to_float(actual[i]);
  const auto same = testing::all_close(got.data(), expected.data(), count, 0x1p-12, 0x1p-8);
  INFO(same.message);
  CHECK(same);
}
