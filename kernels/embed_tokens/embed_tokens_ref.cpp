#include "kernels/embed_tokens/embed_tokens.h"
#include "sclip/error.h"

namespace sclip::ref {

void embed_tokens(const EmbedTokensParams& p) {
  for (int64_t m = 0; m < p.count; ++m) {
    for (int64_t c = 0; c < p.width; ++c) {
      const int64_t at = p.tokens[m] * p.width + c;
      double token = 0;
      switch (p.table_dtype) {
        case DType::kF32: token = static_cast<const float*>(p.token_table)[at]; break;
        case DType::kF16: token = to_float(static_cast<const Float16*>(p.token_table)[at]); break;
        case DType::kBF16: token = to_float(static_cast<const BFloat16*>(p.token_table)[at]); break;
        default: fail(ErrorCode::kInternal, "token tables are F32, F16 or BF16, not ", to_string(p.table_dtype));
      }
      p.out[m * p.width + c] = static_cast<float>(token + p.position_table[p.positions[m] * p.width + c]);
    }
  }
}

}  // namespace sclip::ref
