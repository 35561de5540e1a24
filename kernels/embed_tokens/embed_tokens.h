// The text tower's input: out[m] = token_table[tokens[m]] + position_table[positions[m]].
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

struct EmbedTokensParams {
  const int32_t* tokens = nullptr;        // (M) in [0, V): the caller has checked
  const int32_t* positions = nullptr;     // (M) in [0, T): the caller has checked
  const void* token_table = nullptr;      // (V, C) in table_dtype
  const float* position_table = nullptr;  // (T, C)
  float* out = nullptr;                   // (M, C); overlaps nothing
  DType table_dtype = DType::kF32;        // kF32, kF16 or kBF16
  int64_t count = 0;                      // M
  int64_t width = 0;                      // C
};

// What all implementations ask of their arguments.
inline void check_params(const EmbedTokensParams& p) {
  check_float_dtype("embed_tokens", p.table_dtype);
  SCLIP_CHECK(p.count >= 0 && p.width >= 1, kInvalidArgument, "embed_tokens: ", p.count, " tokens of ", p.width,
              " channels");
  SCLIP_CHECK(p.count == 0 || (p.tokens != nullptr && p.positions != nullptr && p.token_table != nullptr &&
                               p.position_table != nullptr && p.out != nullptr),
              kInvalidArgument, "embed_tokens: tokens, positions, both tables and out must be given");
}

void embed_tokens_cpu(const EmbedTokensParams& params, CpuQueue queue);
void embed_tokens_cuda(const EmbedTokensParams& params, CudaQueue queue);

namespace ref {
void embed_tokens(const EmbedTokensParams& params);
}

}  // namespace sclip
