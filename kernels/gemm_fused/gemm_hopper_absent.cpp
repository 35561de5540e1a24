// In place of gemm_hopper.cu where the build has no machine code for sm_90a.
#include "kernels/gemm_fused/gemm_hopper.h"
#include "sclip/error.h"

namespace sclip {

bool gemm_hopper_serves(const GemmFusedParams&, const CudaQueue&) {
  return false;
}

void gemm_hopper_cuda(const GemmFusedParams&, HopperTile, CudaQueue) {
  fail(ErrorCode::kInternal, "this build has no products for sm_90a");
}

}  // namespace sclip
