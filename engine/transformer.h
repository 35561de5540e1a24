// What both towers are made of: pre-norm transformer blocks, laid out for a backend.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "weights/weight_blob.h"

namespace sclip {

struct NormWeights {
  std::unique_ptr<Memory> gamma, beta;  // (C)

  const float* g() const { return static_cast<const float*>(gamma->data()); }
  const float* b() const { return static_cast<const float*>(beta->data()); }
};

NormWeights load_norm(const WeightBlob& blob, const Backend& backend, const std::string& prefix);

// x += out(attention(qkv(ln_1(x))));  x += fc2(activation(fc1(ln_2(x))))
struct BlockWeights {
  NormWeights ln_1, ln_2;
  std::unique_ptr<Linear> qkv;  // C → 3C, bias; activation dtype out
  std::unique_ptr<Linear> out;  // C → C, bias; added to x
  std::unique_ptr<Linear> fc1;  // C → F, bias, activation
  std::unique_ptr<Linear> fc2;  // F → C, bias; added to x
};

// `prefix` is "visual.blocks.0." or the like; `activation` the dtype of the inputs of its products; `fp8`: all four of
// them in E4M3.
BlockWeights load_block(const WeightBlob& blob, const Backend& backend, const std::string& prefix, DType activation,
                        bool fp8 = false);

// y = x · Wᵀ of the tensor `name`; `transposed` for the towers' projections, stored (C, E).
std::unique_ptr<Linear> load_linear(const WeightBlob& blob, const Backend& backend, const std::string& weight,
                                    const std::string& bias, Epilogue epilogue, DType input, DType output,
                                    bool transposed = false, bool fp8 = false);

}  // namespace sclip
