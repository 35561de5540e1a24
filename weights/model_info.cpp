#include "sclip/model_info.h"

#include "weights/weight_blob.h"

namespace sclip {

ModelInfo read_model_info(const std::filesystem::path& path) {
  const WeightBlob blob(path);
  ModelInfo info{.name = blob.name(),
                 .bytes = static_cast<int64_t>(blob.file_bytes()),
                 .sha256 = blob.sha256(),
                 .metadata = blob.metadata(),
                 .config = blob.config(),
                 .tensors = {}};
  for (const std::string& name : blob.names()) {
    const TensorView tensor = blob.tensor(name);
    info.tensors.push_back({.name = name,
                            .type = std::string(to_string(tensor.dtype)),
                            .shape = to_string(tensor.shape),
                            .elements = tensor.shape.count(),
                            .bytes = static_cast<int64_t>(tensor.bytes()),
                            .is_weight = tensor.dtype != DType::kU8});
  }
  return info;
}

}  // namespace sclip
