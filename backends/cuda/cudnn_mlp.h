// The MLP's hidden layer as one kernel of cuDNN: y = z · σ(1.702 z) with z = x · W + bias. No cuDNN header here.
//
// cuDNN names the activation swish; with β = 1.702 it is QuickGELU.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <string>

#include "core/dtype.h"

namespace sclip {

// Pointers are device memory and must outlive the layer.
struct CudnnMlpSpec {
  std::string name;              // for error messages
  const void* weight = nullptr;  // (n, k), rows weight_stride elements apart; transposed: (k, n)
  int64_t weight_stride = 0;
  bool transposed = false;
  const float* bias = nullptr;  // (n), or null
  DType input = DType::kF16;    // of x and the weight: kF16 or kBF16; sums and activation in f32
  DType output = DType::kF16;   // of y
  int64_t inputs = 0;           // k
  int64_t outputs = 0;          // n
};

class CudnnMlp {
 public:
  virtual ~CudnnMlp() = default;
  // A plan is made for a number of rows; it uses no more than workspace_bytes.
  // Throws kUnsupported when cuDNN has no engine for the layer: nothing else computes it then.
  // Returns the plan, for a recording to keep: cuDNN may have compiled the code that it runs.
  virtual std::shared_ptr<const void> run(const void* x, int64_t rows, void* y, void* workspace, size_t workspace_bytes,
                                          cudaStream_t stream) const = 0;
  virtual void drop_plans() const = 0;
};

// cuDNN on one device; shared by layers and threads.
class Cudnn {
 public:
  virtual ~Cudnn() = default;
  virtual std::unique_ptr<CudnnMlp> make_mlp(const CudnnMlpSpec& spec) const = 0;
};

// For the current device. Throws kUnsupported with what to do where the build or the machine has no cuDNN.
std::unique_ptr<Cudnn> start_cudnn();

}  // namespace sclip
