// Launches attention once per kind of scores named, for attention_counters.py, which reads cudasim's counters of it.
//
//   sclip_attention_counters TOKENS HEADS HEAD_DIM DTYPE SCORES...     DTYPE: F16, BF16, F32; SCORES: qk, qq, kk, csa
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>

#include "kernels/attention/attention.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;

int main(int argc, char** argv) try {
  if (argc < 6) throw Error(ErrorCode::kInvalidArgument, "usage: TOKENS HEADS HEAD_DIM DTYPE SCORES...");
  const DType dtype = parse_dtype(argv[4]).value();
  AttentionParams p{.dtype = dtype,
                    .batch = 1,
                    .tokens = std::atoll(argv[1]),
                    .heads = std::atoll(argv[2]),
                    .head_dim = std::atoll(argv[3])};
  p.softmax_scale = 1.0f / std::sqrt(static_cast<float>(p.head_dim));
  testing::Dut& dut = testing::Dut::get();
  const auto count = static_cast<size_t>(p.tokens * p.heads * p.head_dim);
  auto qkv = dut.copy(testing::round_to(dtype, testing::random_normal(3 * count, 1)).bytes);
  auto out = dut.output<std::byte>(count * size_of(dtype));
  p.qkv = qkv.data();
  p.out = out.data();
  for (int i = 5; i < argc; ++i) {
    const std::string kind = argv[i];
    p.scores = kind == "csa"  ? AttentionScores::kCorrelative
               : kind == "qq" ? AttentionScores::kQueryQuery
               : kind == "kk" ? AttentionScores::kKeyKey
                              : AttentionScores::kQueryKey;
    dut.stream().attention(p);
  }
  dut.stream().synchronize();
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
