// Picks rows: out[i] = x[indices[i]].
#pragma once

#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

struct GatherRowsParams {
  const float* x = nullptr;          // (M, C)
  const int32_t* indices = nullptr;  // (count), each in [0, M): the caller has checked
  float* out = nullptr;              // (count, C); no overlap with x
  int64_t count = 0;
  int64_t cols = 0;  // C
};

void gather_rows_cpu(const GatherRowsParams& params, CpuQueue queue);
void gather_rows_cuda(const GatherRowsParams& params, CudaQueue queue);

namespace ref {
void gather_rows(const GatherRowsParams& params);
}

}  // namespace sclip
