// Rows of bf16 as E4M3 with a scale each: x[r][c] ≈ scales[r] · codes[r][c].
//
//   scales[r] = max_c |x[r][c]| / 448, 1 for a row of zeros      codes[r][c] = e4m3(x[r][c] · 448 / max_c |x[r][c]|)
//
// Round to nearest even. NaN stays NaN and does not count for the maximum; a row with an infinity is one of NaN, as its
// scale is infinite. In front of the products of `--precision fp8`; weights have the same on the host
// (quantize_rows_on_host), a scale for each output channel.
#pragma once

#include <cstdint>

#include "kernels/check.h"
#include "kernels/cuda/queue.h"
#include "kernels/quantize_fp8/e4m3.h"

namespace sclip {

struct QuantizeFp8Params {
  const void* x = nullptr;  // (M, k) bf16, 16-byte aligned
  void* codes = nullptr;    // (M, k) E4M3, 16-byte aligned
  float* scales = nullptr;  // (M)
  int64_t rows = 0;         // M
  int64_t cols = 0;         // k, a multiple of 16
};

// What all implementations ask of their arguments.
inline void check_params(const QuantizeFp8Params& p) {
  SCLIP_CHECK(p.rows >= 0 && p.cols >= 16 && p.cols % 16 == 0, kInvalidArgument, "quantize_fp8: ", p.rows, " rows of ",
              p.cols, " columns, which must be a multiple of 16");
  SCLIP_CHECK(p.rows == 0 || (p.x != nullptr && p.codes != nullptr && p.scales != nullptr), kInvalidArgument,
              "quantize_fp8: x, codes and scales must be given");
  SCLIP_CHECK((reinterpret_cast<uintptr_t>(p.x) | reinterpret_cast<uintptr_t>(p.codes)) % 16 == 0, kInvalidArgument,
              "quantize_fp8: x and codes must be 16-byte aligned");
}

void quantize_fp8_cuda(const QuantizeFp8Params& params, CudaQueue queue);

// The same of f32 values on the host, for weights: (rows, cols) without a rounding to bf16 before; any cols.
inline void quantize_rows_on_host(const float* x, int64_t rows, int64_t cols, uint8_t* codes, float* scales) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * cols;
    float largest = 0;
    for (int64_t c = 0; c < cols; ++c) {
      const float magnitude = row[c] < 0 ? -row[c] : row[c];
      largest = magnitude > largest ? magnitude : largest;  // NaN is not
    }
    scales[r] = e4m3_scale(largest);
    const float factor = e4m3_factor(largest);
    for (int64_t c = 0; c < cols; ++c) codes[r * cols + c] = static_cast<uint8_t>(e4m3_bits(row[c] * factor));
  }
}

namespace ref {
// The value of a code, and the code of a value, from the table of the format; in double.
double e4m3_value(uint8_t code);
uint8_t e4m3_code(double value);
void quantize_fp8(const QuantizeFp8Params& params);
}  // namespace ref

}  // namespace sclip
