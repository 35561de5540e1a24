#include <algorithm>
#include <cstring>

#include "kernels/gather_rows/gather_rows.h"

namespace sclip {

void gather_rows_cpu(const GatherRowsParams& p, CpuQueue queue) {
  check_params(p);
  constexpr int64_t kElements = 1 << 14;  // less is not worth a second thread
  const int64_t smallest = std::max<int64_t>(1, kElements / std::max<int64_t>(1, p.cols));
  queue.pool->parallel_ranges(p.count, smallest, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      std::memcpy(p.out + i * p.cols, p.x + p.indices[i] * p.cols, static_cast<size_t>(p.cols) * sizeof(float));
    }
  });
}

}  // namespace sclip
