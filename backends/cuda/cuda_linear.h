// A Linear on a device: weights in the input's dtype, or in E4M3, and a plan for each of the latest numbers of rows.
//
// gemm_plan.h has what can compute it; a tuned backend measures all of that and keeps the fastest. Where it is asked
// for, cuDNN computes the layers that end in QuickGELU. In E4M3 a run quantises x into the caller's scratch memory
// first.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/cuda/cuda_gemm.h"
#include "backends/cuda/gemm_plan.h"
#include "backends/plan_cache.h"
#include "kernels/cuda/queue.h"

namespace sclip {

class CudaLinear : public Linear {
 public:
  CudaLinear(const LinearSpec& spec, std::shared_ptr<CudaGemm> gemm);
  ~CudaLinear() override;

  // `workspace`: kGemmWorkspace bytes of device memory that belong to the queue's stream; `scratch`:
  // scratch_bytes(rows) of such. The device is current. Returns the plan that the call uses, for a recording to keep.
  std::shared_ptr<const void> run(const void* x, int64_t rows, void* y, void* workspace, void* scratch,
                                  const CudaQueue& queue) const;
  size_t scratch_bytes(int64_t rows) const;  // 0 unless the product is in E4M3

  // (n, k) in `dtype`, rows `weight_stride` elements apart, with zeros between; transposed: (k, n), contiguous.
  const void* weight() const { return weight_->data(); }
  int64_t weight_stride() const { return layer_->weight_stride; }
  DType dtype() const { return layer_->input; }

  // Any thread, at any time.
  void drop_plans() const;

 private:
  // An algorithm may ask for aligned pointers, so that alignments, up to 256 bytes, are part of the key. cuBLASLt's
  // description of a product holds the scales' address.
  struct PlanKey {
    int64_t rows;
    uint32_t x_alignment, y_alignment;
    const float* x_scales;
    bool operator==(const PlanKey&) const = default;
  };
  bool fp8() const { return weight_scales_ != nullptr; }
  std::shared_ptr<const GemmPlan> make_plan(const PlanKey& key, const GemmMemory& memory, const CudaQueue& queue) const;

  std::shared_ptr<CudaGemm> gemm_;
  std::unique_ptr<Memory> weight_;
  std::unique_ptr<Memory> weight_scales_;    // (n), or null
  std::unique_ptr<Memory> bias_, bias_f32_;  // cuBLASLt adds a bias of y's dtype only, of bf16 in E4M3; or null
  std::shared_ptr<const GemmLayer> layer_;
  std::unique_ptr<CudnnMlp> mlp_;  // or null
  mutable PlanCache<PlanKey, GemmPlan> plans_;
};

}  // namespace sclip
