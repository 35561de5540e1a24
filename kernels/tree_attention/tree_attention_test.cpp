#include "kernels/tree_attention/tree_attention.h"

#include "kernels/attention/attention.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

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
  const auto [nodes, heads, head_dim] = GENERATE(table<int64_t, int64_t, int64_t>(
      {{1, 1, 64}, {77, 2, 64}, {130, 3, 20}, {40, 1, 128}, {33, 12, 64}, {9, 2, 256}}));
  const auto count = static_cast<size_t>(nodes * heads * head_dim);
  const auto parent = random_tree(nodes, 22);
  testing::Dut& dut = testing::Dut::get();
  for (const DType dtype : dut.dtypes()) {
    CAPTURE(nodes, heads, head_dim, to_string(dtype));
    const testing::Rounded qkv = testing::round_to(dtype, random_normal(3 * count, 21));
    std::vector<float> expected(count);
    TreeAttentionParams p{.qkv = qkv.values.data(),
                          .out = expected.data(),
                          .parent = parent.data(),
                          .nodes = nodes,
                          .max_depth = nodes,
                          .heads = heads,
                          .head_dim = head_dim,
                          .softmax_scale = 0.125f};
    ref::tree_attention(p);
    auto qkv_device = dut.copy(qkv.bytes), out = dut.output<std::byte>(count * size_of(dtype));
    auto parent_device = dut.copy(parent);
    p.qkv = qkv_device.data();
    p.out = out.data();
    p.parent = parent_device.data();
    p.dtype = dtype;
    dut.stream().tree_attention(p);
    const auto actual = testing::widen(dtype, out.host());
    // In halves the output is rounded once, to values of order 1.
    const double rounding = dtype == DType::kF32 ? 0 : testing::epsilon_of(dtype);
    const auto same =
        testing::all_close(actual.data(), expected.data(), count, kTolerance + rounding / 16, kTolerance + rounding);
    INFO(same.message);
    CHECK(same);

    const std::vector<int32_t> targets{static_cast<int32_t>(nodes - 1), 0};
    const auto row = static_cast<size_t>(heads * head_dim);
    auto targets_device = dut.copy(targets);
    auto some = dut.output<std::byte>(2 * row * size_of(dtype));
    p.out = some.data();
    p.targets = targets_device.data();
    p.targets_count = 2;
    dut.stream().tree_attention(p);
    const auto picked = testing::widen(dtype, some.host());
    for (size_t i = 0; i < picked.size(); ++i) {
      REQUIRE(picked[i] == actual[static_cast<size_t>(targets[i / row]) * row + i % row]);
    }
  }
}

TEST_CASE("tree_attention over a path is causal attention", "[tree_attention]") {
  const int64_t tokens = 77, heads = 2, head_dim = 64;
  const auto count = static_cast<size_t>(tokens * heads * head_dim);
  const auto qkv = random_normal(3 * count, 23);
  std::vector<int32_t> parent(tokens);
  for (int32_t i = 0; i < tokens; ++i) parent[static_cast<size_t>(i)] = i - 1;
  std::vector<float> causal(count);
  ref::attention({.qkv = qkv.data(),
                  .out = causal.data(),
                  .causal = true,
                  .batch = 1,
                  .tokens = tokens,
                  .heads = heads,
                  .head_dim = head_dim,
                  .softmax_scale = 0.125f});
  testing::Dut& dut = testing::Dut::get();
  auto qkv_device = dut.copy(qkv), out = dut.output<float>(count);
  auto parent_device = dut.copy(parent);
  dut.stream().tree_attention({.qkv = qkv_device.data(),
                               .out = out.data(),
                               .parent = parent_device.data(),
                               .nodes = tokens,
                               .max_depth = tokens,
                               .heads = heads,
                               .head_dim = head_dim,
                               .softmax_scale = 0.125f});
  const auto tree = out.host();
  const auto same = testing::all_close(tree.data(), causal.data(), count, kTolerance, kTolerance);
  INFO(same.message);
  CHECK(same);
}
