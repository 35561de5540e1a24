#include <cstring>

#include "core/parallel.h"
#include "kernels/gather_rows/gather_rows.h"

namespace sclip {

void gather_rows_cpu(const GatherRowsParams& p) {
#pragma omp parallel for schedule(static) if (p.count * p.cols > 1 << 15)
  for (int64_t i = 0; i < p.count; ++i) {
    std::memcpy(p.out + i * p.cols, p.x + p.indices[i] * p.cols, static_cast<size_t>(p.cols) * sizeof(float));
  }
}

}  // namespace sclip
