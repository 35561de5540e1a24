// The tensors of a blob, in file order, as weights/tensors.csv lists them.
#pragma once

#include <string>
#include <vector>

#include "core/tensor.h"
#include "sclip/model_config.h"

namespace sclip {

struct TensorSpec {
  std::string name;
  Shape shape;            // for bytes: rank 1, extent 0, meaning any length
  bool is_bytes = false;  // U8; otherwise F32, F16 or BF16
};

// Every row of the table with its letters filled in and `{i}` rows repeated for each layer.
std::vector<TensorSpec> tensor_specs(const ModelConfig& config);

}  // namespace sclip
