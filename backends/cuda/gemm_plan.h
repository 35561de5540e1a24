// A layer's product for one number of rows, as something that can be run: which library or kernel computes it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/cuda/cublaslt_product.h"
#include "kernels/cuda/queue.h"

namespace sclip {

// A layer's weights on the device, and what follows its product.
struct GemmLayer {
  std::string name;
  const void* weight = nullptr;  // (n, k), rows weight_stride elements apart; transposed: (k, n)
  int64_t weight_stride = 0;
  bool transposed = false;
  const void* bias = nullptr;       // (n) in `output`; or null
  const float* bias_f32 = nullptr;  // the same in f32
  // (n), or null. With them the weights are E4M3 (GemmMemory::x too), `bias` is bf16, and `input` what x was.
  const float* weight_scales = nullptr;
  Epilogue epilogue = Epilogue::kNone;
  DType input = DType::kF32;
  DType output = DType::kF32;
  int64_t inputs = 0;   // k
  int64_t outputs = 0;  // n
};

struct GemmMemory {
  const void* x;
  void* y;
  void* workspace;                  // kGemmWorkspace bytes of the queue's own
  const float* x_scales = nullptr;  // (rows), where the layer has weight_scales: a plan is for these
};

constexpr size_t kGemmWorkspace = size_t{32} << 20;  // what cuBLASLt asks for on Hopper

class GemmPlan {
 public:
  virtual ~GemmPlan() = default;
  virtual void run(const GemmMemory& memory, const CudaQueue& queue) const = 0;
  virtual std::string id() const = 0;        // "cublaslt 2": the same one in every run
  virtual std::string describe() const = 0;  // for people
};

// What can compute the layer for `rows` rows with pointers so aligned; of cuBLASLt's algorithms at most `algorithms`.
// The first one is taken where nothing is measured: cuBLASLt's own choice. `x` and `y` stand for all pointers of their
// alignment.
// Throws kUnsupported when there is none.
std::vector<std::shared_ptr<const GemmPlan>> gemm_plans(std::shared_ptr<const GemmLayer> layer, int64_t rows,
                                                        const GemmMemory& memory, int algorithms, cublasLtHandle_t blas,
                                                        const CudaQueue& queue);

}  // namespace sclip
