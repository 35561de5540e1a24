#include "engine/model_limits.h"

#include <cmath>
#include <cstdint>
#include <initializer_list>

#include "kernels/attention/attention.h"
#include "kernels/tree_attention/tree_attention.h"
#include "sclip/error.h"
#include "sclip/image_view.h"

namespace sclip {
namespace {

struct Named {
  const char* name;
  int value;
};

void check_sizes(std::string_view model, std::string_view part, std::initializer_list<Named> sizes) {
  for (const auto& [name, value] : sizes) {
    SCLIP_CHECK(value >= 1, kCorruptData, model, ": the ", part, " has ", name, " ", value, "; it must be at least 1");
  }
}

void check_heads(std::string_view model, std::string_view tower, int width, int heads, int64_t multiple,
                 int64_t largest) {
  SCLIP_CHECK(width % heads == 0, kCorruptData, model, ": the ", tower, "'s width of ", width, " does not divide into ",
              heads, " heads");
  const int head_dim = width / heads;
  SCLIP_CHECK(head_dim % multiple == 0 && head_dim <= largest, kUnsupported, model, ": the ", tower, "'s ", heads,
              " heads have ", head_dim, " channels each; this engine's attention takes multiples of ", multiple,
              " up to ", largest);
}

void check_number(std::string_view model, const char* name, double value, bool zero_allowed) {
  SCLIP_CHECK(std::isfinite(value) && (value > 0 || (zero_allowed && value == 0)), kCorruptData, model, ": ", name,
              " is ", value, ", and must be finite and ", zero_allowed ? "not negative" : "above 0");
}

}  // namespace

void validate(const ModelConfig& config, std::string_view model) {
  const VisionConfig& v = config.vision;
  const TextConfig& t = config.text;
  check_sizes(model, "image tower",
              {{"an image size of", v.image_size},
               {"a patch size of", v.patch_size},
               {"a width of", v.width},
               {"a depth of", v.layers},
               {"a head count of", v.heads},
               {"an MLP width of", v.mlp_width}});
  check_sizes(model, "text tower",
              {{"a context of", t.context},
               {"a vocabulary of", t.vocabulary},
               {"a width of", t.width},
               {"a depth of", t.layers},
               {"a head count of", t.heads},
               {"an MLP width of", t.mlp_width}});
  check_sizes(model, "model", {{"an embedding of", config.embed_dim}});
  SCLIP_CHECK(v.image_size % v.patch_size == 0, kCorruptData, model, ": an image of ", v.image_size,
              " pixels does not divide into patches of ", v.patch_size);
  SCLIP_CHECK(v.image_size <= kMaxImageSide, kUnsupported, model, ": an image of ", v.image_size,
              " pixels; this engine resizes to at most ", kMaxImageSide);
  check_heads(model, "image tower", v.width, v.heads, kAttentionHeadDimMultiple, kAttentionMaxHeadDim);
  check_heads(model, "text tower", t.width, t.heads, kTreeAttentionHeadDimMultiple, kTreeAttentionMaxHeadDim);
  SCLIP_CHECK(t.context <= kTreeAttentionMaxDepth, kUnsupported, model, ": a text context of ", t.context,
              " tokens; this engine's attention over prompts reaches ", kTreeAttentionMaxDepth);
  for (const float mean : config.preprocess.mean) {
    SCLIP_CHECK(std::isfinite(mean), kCorruptData, model, ": the mean of a channel is ", mean, ", and must be finite");
  }
  for (const float std : config.preprocess.std) check_number(model, "the standard deviation of a channel", std, false);
  check_number(model, "layer_norm_eps", config.layer_norm_eps, false);
  check_number(model, "logit_scale", config.logit_scale, true);
}

}  // namespace sclip
