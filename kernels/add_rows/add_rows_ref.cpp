#include "kernels/add_rows/add_rows.h"

namespace sclip::ref {

void add_rows(const AddRowsParams& p) {
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t r = 0; r < p.rows; ++r) {
      for (int64_t c = 0; c < p.cols; ++c) {
        const double x = p.x[b * p.x_stride + (p.broadcast ? 0 : r * p.cols) + c];
        float& y = p.y[b * p.y_stride + r * p.cols + c];
        double sum = static_cast<double>(p.x_weight) * x;
        if (p.y_weight != 0) sum += static_cast<double>(p.y_weight) * static_cast<double>(y);
        y = static_cast<float>(sum);
      }
    }
  }
}

}  // namespace sclip::ref
