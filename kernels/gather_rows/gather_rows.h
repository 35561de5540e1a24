// Picks rows: out[i] = x[indices[i]].
#pragma once

#include <cstdint>

#include "kernels/check.h"
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

// What all implementations ask of their arguments.
inline void check_params(const GatherRowsParams& p) {
  SCLIP_CHECK(p.count >= 0 && p.cols >= 1, kInvalidArgument, "gather_rows: ", p.count, " rows of ", p.cols, " columns");
  SCLIP_CHECK(p.count == 0 || (p.x != nullptr && p.indices != nullptr && p.out != nullptr), kInvalidArgument,
              "gather_rows: x, indices and out must be given");
}

void gather_rows_cpu(const GatherRowsParams& params, CpuQueue queue);
void gather_rows_cuda(const GatherRowsParams& params, CudaQueue queue);

namespace ref {
void gather_rows(const GatherRowsParams& params);
}

}  // namespace sclip
