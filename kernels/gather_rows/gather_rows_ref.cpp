#include "kernels/gather_rows/gather_rows.h"

namespace sclip::ref {

void gather_rows(const GatherRowsParams& p) {
  for (int64_t i = 0; i < p.count; ++i) {
    for (int64_t c = 0; c < p.cols; ++c) p.out[i * p.cols + c] = p.x[p.indices[i] * p.cols + c];
  }
}

}  // namespace sclip::ref
