// A copy with a conversion and an addition: bound by memory, so the compiler's own vectors are enough.
#include "kernels/embed_tokens/embed_tokens.h"
#include "sclip/error.h"

namespace sclip {

void embed_tokens_cpu(const EmbedTokensParams& p, CpuQueue queue) {
  check_params(p);
  const auto width = static_cast<size_t>(p.width);
  const size_t row_bytes = width * size_of(p.table_dtype);
  const auto* table = static_cast<const char*>(p.token_table);
  constexpr int64_t kRows = 64;
  queue.pool->parallel_ranges(p.count, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) {
      float* out = p.out + m * p.width;
      const float* position = p.position_table + p.positions[m] * p.width;
      convert_to_f32(p.table_dtype, table + static_cast<size_t>(p.tokens[m]) * row_bytes, out, width);
      for (size_t c = 0; c < width; ++c) out[c] += position[c];
    }
  });
}

}  // namespace sclip
