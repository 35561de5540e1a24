// ModelConfig: what a weight blob says about its model. The letters are those of core/shapes.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

enum class Activation : uint8_t {
  kQuickGelu,  // x·σ(1.702x): OpenAI's weights
  kGelu,       // x·Φ(x), with the error function
};

struct VisionConfig {
  int image_size = 0;  // side in pixels that the position table was made for
  int patch_size = 0;  // P
  int width = 0;       // C
  int layers = 0;      // L
  int heads = 0;       // A
  int mlp_width = 0;   // F

  int grid() const { return image_size / patch_size; }
  int tokens() const { return 1 + grid() * grid(); }  // N
  int head_dim() const { return width / heads; }      // d
  bool operator==(const VisionConfig&) const = default;
};

struct TextConfig {
  int context = 0;     // T
  int vocabulary = 0;  // V
  int width = 0;       // C
  int layers = 0;      // L
  int heads = 0;       // A
  int mlp_width = 0;   // F

  int head_dim() const { return width / heads; }  // d
  bool operator==(const TextConfig&) const = default;
};

// How photographs are prepared unless the caller says otherwise.
struct PreprocessConfig {
  std::array<float, 3> mean{};  // of R, G, B on the scale 0…255
  std::array<float, 3> std{};
  int crop = 0;  // window's side in pixels; 0 is the whole image at once
  int stride = 0;
  int short_side = 0;
  bool operator==(const PreprocessConfig&) const = default;
};

struct BlobMetadata {
  std::string model;    // "ViT-B-16"
  std::string source;   // where the weights came from
  std::string licence;  // of the weights
  std::string notes;
};

struct ModelConfig {
  VisionConfig vision;
  TextConfig text;
  int embed_dim = 0;  // E
  Activation activation = Activation::kQuickGelu;
  float layer_norm_eps = 0;
  PreprocessConfig preprocess;
  float logit_scale = 0;                 // as learned; segmentation does not use it
  std::vector<std::string> known_words;  // all that the model was trained on; empty for an open vocabulary
  bool operator==(const ModelConfig&) const = default;
};

std::string_view to_string(Activation activation);  // "quick_gelu", "gelu"

}  // namespace sclip
