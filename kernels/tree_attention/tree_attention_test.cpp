#include "kernels/tree_attention/tree_attention.h"

#include "kernels/attention/attention.h"
#include "sclip/error.h"
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

// A dot product of d terms, exp, and a sum over the path, as in attention_test.cpp.
constexpr double kTolerance = 64 * 0x1p-24;

struct Trie {
  int64_t nodes, heads, head_dim;
  size_t count() const { return static_cast<size_t>(nodes * heads * head_dim); }
};

TreeAttentionParams params_of(const Trie& s) {
  return {.nodes = s.nodes,
          .max_depth = s.nodes,
          .heads = s.heads,
          .head_dim = s.head_dim,
          .softmax_scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim))};
}

}  // namespace

TEST_CASE("tree_attention agrees with the oracle", "[tree_attention]") {
  // Lanes that hold a row: every number of them, and rows without 16-byte vectors (20 halves; an offset of one
  // element).
  const Trie shape = GENERATE(Trie{1, 1, 64}, Trie{77, 2, 64}, Trie{130, 3, 20}, Trie{40, 1, 128}, Trie{50, 12, 32},
                              Trie{33, 2, 80}, Trie{20, 1, 256}, Trie{9, 1, 100}, Trie{300, 1, 64});
  testing::Dut& dut = testing::Dut::get();
  const auto parent = random_tree(shape.nodes, 22);
  const std::vector<int32_t> targets{static_cast<int32_t>(shape.nodes - 1), 0};
  const auto row = static_cast<size_t>(shape.heads * shape.head_dim);
  auto parent_device = dut.copy(parent), targets_device = dut.copy(targets);
  for (const DType dtype : dut.dtypes()) {
    const auto qkv = testing::round_to(dtype, random_normal(3 * shape.count(), 21));
    std::vector<float> expected(shape.count());
    TreeAttentionParams p = params_of(shape);
    p.qkv = qkv.values.data();
    p.parent = parent.data();
    p.out = expected.data();
    ref::tree_attention(p);
    for (const size_t offset : {0, 1}) {
      CAPTURE(shape.nodes, shape.heads, shape.head_dim, to_string(dtype), offset);
      auto qkv_device = dut.copy(qkv.bytes, offset * size_of(dtype));
      auto out = dut.output<std::byte>(shape.count() * size_of(dtype), offset * size_of(dtype));
      auto some = dut.output<std::byte>(2 * row * size_of(dtype));
      p.qkv = qkv_device.data();
      p.parent = parent_device.data();
      p.out = out.data();
      p.dtype = dtype;
      p.targets = nullptr;
      dut.stream().tree_attention(p);
      const auto all = out.host();
      const auto actual = testing::widen(dtype, all);
      // Sums are in f32; halves round the output once.
      const double rounding = dtype == DType::kF32 ? 0 : testing::epsilon_of(dtype);
      const double denormal = dtype == DType::kF16 ? 0x1p-25 : 0;
      const auto same = testing::all_close(actual.data(), expected.data(), actual.size(),
                                           kTolerance * (1 + rounding) + denormal, kTolerance + rounding);
      INFO(same.message);
      CHECK(same);

      // A few nodes alone have the same bits.
      p.out = some.data();
      p.targets = targets_device.data();
      p.targets_count = 2;
      dut.stream().tree_attention(p);
      const auto two = some.host();
      const size_t bytes = row * size_of(dtype);
      for (size_t i = 0; i < 2; ++i) {
        const auto from = all.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(targets[i]) * bytes);
        REQUIRE(
            std::equal(from, from + static_cast<ptrdiff_t>(bytes), two.begin() + static_cast<ptrdiff_t>(i * bytes)));
      }
    }
  }
}

TEST_CASE("tree_attention over a path is causal attention", "[tree_attention]") {
  const Trie shape{77, 2, 64};
  testing::Dut& dut = testing::Dut::get();
  const auto qkv = random_normal(3 * shape.count(), 23);
  std::vector<int32_t> parent(static_cast<size_t>(shape.nodes));
  for (int32_t i = 0; i < shape.nodes; ++i) parent[static_cast<size_t>(i)] = i - 1;
  std::vector<float> causal(shape.count());
  TreeAttentionParams p = params_of(shape);
  ref::attention({.qkv = qkv.data(),
                  .out = causal.data(),
                  .causal = true,
                  .batch = 1,
                  .tokens = shape.nodes,
                  .heads = shape.heads,
                  .head_dim = shape.head_dim,
                  .softmax_scale = p.softmax_scale});
  auto qkv_device = dut.copy(qkv), tree = dut.output<float>(shape.count());
  auto parent_device = dut.copy(parent);
  p.qkv = qkv_device.data();
  p.parent = parent_device.data();
  p.out = tree.data();
  dut.stream().tree_attention(p);
  const auto actual = tree.host();
  const auto same = testing::all_close(actual.data(), causal.data(), shape.count(), kTolerance, kTolerance);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("tree_attention survives scores whose exponentials overflow", "[tree_attention]") {
  const Trie shape{40, 1, 64};
  testing::Dut& dut = testing::Dut::get();
  auto qkv = random_normal(3 * shape.count(), 26, 0, 12);
  for (size_t i = 0; i < shape.count(); ++i) {  // smaller values: the tolerance is theirs
    qkv[i / 64 * 192 + 128 + i % 64] /= 12;
  }
  const auto parent = random_tree(shape.nodes, 22);
  std::vector<float> expected(shape.count());
  TreeAttentionParams p = params_of(shape);
  p.qkv = qkv.data();
  p.parent = parent.data();
  p.out = expected.data();
  // The oracle does not subtract the maximum, which double stands up to: q·k/8 stays below 700.
  ref::tree_attention(p);
  auto qkv_device = dut.copy(qkv), out = dut.output<float>(shape.count());
  auto parent_device = dut.copy(parent);
  p.qkv = qkv_device.data();
  p.parent = parent_device.data();
  p.out = out.data();
  dut.stream().tree_attention(p);
  const auto actual = out.host();
  // An error of 600·√64·eps in an exponent is the relative error of a weight.
  const auto same = testing::all_close(actual.data(), expected.data(), shape.count(), 1e-3);
  INFO(same.message);
  CHECK(same);
}

TEST_CASE("tree_attention refuses parameters that mean nothing, on every device", "[tree_attention]") {
  testing::Dut& dut = testing::Dut::get();
  const Trie shape{2, 1, 8};
  auto qkv = dut.copy(std::vector<float>(3 * shape.count())), out = dut.copy(std::vector<float>(shape.count()));
  auto parent = dut.copy(std::vector<int32_t>{-1, 0});
  TreeAttentionParams good = params_of(shape);
  good.qkv = qkv.data();
  good.out = out.data();
  good.parent = parent.data();
  CHECK_NOTHROW(dut.stream().tree_attention(good));
  const auto refuses = [&](auto&& change) {
    TreeAttentionParams p = good;
    change(p);
    CHECK_THROWS_AS(dut.stream().tree_attention(p), Error);
  };
  refuses([](TreeAttentionParams& p) { p.softmax_scale = 0; });
  refuses([](TreeAttentionParams& p) { p.softmax_scale = -0.125f; });
  refuses([](TreeAttentionParams& p) { p.softmax_scale = NAN; });
  refuses([](TreeAttentionParams& p) { p.max_depth = 0; });
  refuses([](TreeAttentionParams& p) { p.max_depth = 1025; });
  refuses([](TreeAttentionParams& p) { p.heads = 0; });
  refuses([](TreeAttentionParams& p) { p.head_dim = 6; });
  refuses([](TreeAttentionParams& p) { p.head_dim = 260; });
  refuses([](TreeAttentionParams& p) { p.nodes = -1; });
  refuses([](TreeAttentionParams& p) { p.parent = nullptr; });
  dut.stream().synchronize();
}
