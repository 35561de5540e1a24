#include "kernels/matmul/matmul.h"

namespace sclip::ref {

void matmul(const MatmulParams& p) {
  const auto or_contiguous = [](int64_t stride, int64_t width) { return stride != 0 ? stride : width; };
  const int64_t a_row = or_contiguous(p.a_row_stride, p.depth);
  const int64_t b_row = or_contiguous(p.b_row_stride, p.transpose_b ? p.depth : p.cols);
  const int64_t c_row = or_contiguous(p.c_row_stride, p.cols);
  for (int64_t m = 0; m < p.batch; ++m) {
    const float* a = static_cast<const float*>(p.a) + m * p.a_batch_stride;
    const float* b = static_cast<const float*>(p.b) + m * p.b_batch_stride;
    float* c = static_cast<float*>(p.c) + m * p.c_batch_stride;
    for (int64_t i = 0; i < p.rows; ++i) {
      for (int64_t j = 0; j < p.cols; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < p.depth; ++k) {
          sum += static_cast<double>(a[i * a_row + k]) *
                 static_cast<double>(p.transpose_b ? b[j * b_row + k] : b[k * b_row + j]);
        }
        c[i * c_row + j] = static_cast<float>(p.alpha * sum);
      }
    }
  }
}

}  // namespace sclip::ref
