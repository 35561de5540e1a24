#include "engine/transformer.h"

namespace sclip {
namespace {

// conv1's (C, 3, P, P) is a matrix (C, 3·P·P).
TensorView as_matrix(TensorView tensor) {
  const int64_t rows = tensor.shape[0];
  tensor.shape = {rows, tensor.shape.count() / rows};
  return tensor;
}

}  // namespace

NormWeights load_norm(const WeightBlob& blob, const Backend& backend, const std::string& prefix) {
  return {backend.make_constant(blob.tensor(prefix + ".weight")), backend.make_constant(blob.tensor(prefix + ".bias"))};
}

std::unique_ptr<Linear> load_linear(const WeightBlob& blob, const Backend& backend, const std::string& weight,
                                    const std::string& bias, Epilogue epilogue, DType input, DType output,
                                    bool transposed, bool fp8) {
  auto linear = backend.make_linear({.name = weight,
                                     .weight = as_matrix(blob.tensor(weight)),
                                     .transposed = transposed,
                                     .bias = bias.empty() ? TensorView{} : blob.tensor(bias),
                                     .epilogue = epilogue,
                                     .input = input,
                                     .output = output,
                                     .fp8 = fp8});
  blob.release(weight);
  return linear;
}

BlockWeights load_block(const WeightBlob& blob, const Backend& backend, const std::string& prefix, DType activation,
                        bool fp8) {
  const Epilogue gelu = blob.config().activation == Activation::kQuickGelu ? Epilogue::kQuickGelu : Epilogue::kGelu;
  const auto linear = [&](const std::string& name, Epilogue epilogue, DType output) {
    return load_linear(blob, backend, prefix + name + ".weight", prefix + name + ".bias", epilogue, activation, output,
                       false, fp8);
  };
  return {.ln_1 = load_norm(blob, backend, prefix + "ln_1"),
          .ln_2 = load_norm(blob, backend, prefix + "ln_2"),
          .qkv = linear("attn.qkv", Epilogue::kNone, activation),
          .out = linear("attn.out", Epilogue::kResidual, DType::kF32),
          .fc1 = linear("mlp.fc1", gelu, activation),
          .fc2 = linear("mlp.fc2", Epilogue::kResidual, DType::kF32)};
}

}  // namespace sclip
