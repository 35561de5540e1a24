// What a model file says of itself, without an engine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sclip/model_config.h"

namespace sclip {

struct TensorInfo {
  std::string name;
  std::string type;   // "F16"
  std::string shape;  // "(768, 512)"
  int64_t elements = 0;
  int64_t bytes = 0;
  bool is_weight = true;  // false: text that travels as bytes
};

struct ModelInfo {
  std::string name;  // the path given
  int64_t bytes = 0;
  std::string sha256;
  BlobMetadata metadata;
  ModelConfig config;
  std::vector<TensorInfo> tensors;  // in file order
};

// Checks the file. Throws kNotFound, kIo and kCorruptData.
ModelInfo read_model_info(const std::filesystem::path& path);

}  // namespace sclip
