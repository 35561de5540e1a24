#include "weights/parse_model_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "sclip/error.h"
#include "weights/guarded_json.h"

namespace sclip {
namespace {

using Json = nlohmann::json;

constexpr size_t kConfigDepth = 2;  // a section, the words or a triple in it
constexpr int kMaxImageSize = 4096;
constexpr int kMaxPatchSize = 256;
constexpr int kMaxWidth = 8192;
// Vectors and rows of a multiple of 32 elements keep every tensor on a 64-byte boundary without padding.
constexpr int kWidthMultiple = 32;
constexpr int kMaxMlpWidth = 65536;
constexpr int kMaxLayers = 128;
constexpr int kMaxContext = 4096;
constexpr int kMinVocabulary = 515;  // 2·256 byte symbols, start and end of text, one merge
constexpr int kMaxVocabulary = 1 << 20;
constexpr int kMaxEmbedDim = 8192;
constexpr int kMaxPixels = 16384;

// One JSON object of the metadata, read key by key; the message of every failure says where.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    SCLIP_CHECK(object.is_object(), kCorruptData, where_, " is not a JSON object");
  }

  int integer(const char* key, int low, int high) const {
    const Json& value = at(key);
    SCLIP_CHECK(value.is_number_integer(), kCorruptData, where_, ": ", key, " is not an integer");
    // Unsigned numbers beyond int64 wrap to negative ones, which the range refuses.
    const auto number = value.get<int64_t>();
    SCLIP_CHECK(number >= low && number <= high, kCorruptData, where_, ": ", key, " is ", number,
                ", the format allows ", low, " to ", high);
    return static_cast<int>(number);
  }

  float real(const char* key, double low, double high) const { return real(at(key), key, low, high); }

  std::array<float, 3> triple(const char* key, double low, double high) const {
    const Json& value = at(key);
    SCLIP_CHECK(value.is_array() && value.size() == 3, kCorruptData, where_, ": ", key, " is not a list of 3 numbers");
    std::array<float, 3> out{};
    for (size_t i = 0; i < 3; ++i) out[i] = real(value[i], key, low, high);
    return out;
  }

  std::string text(const char* key) const {
    const Json& value = at(key);
    SCLIP_CHECK(value.is_string(), kCorruptData, where_, ": ", key, " is not a string");
    return value.get<std::string>();
  }

  std::vector<std::string> texts(const char* key) const {
    const Json& value = at(key);
    SCLIP_CHECK(value.is_array(), kCorruptData, where_, ": ", key, " is not a list of strings");
    std::vector<std::string> out;
    for (const Json& item : value) {
      SCLIP_CHECK(item.is_string(), kCorruptData, where_, ": ", key, " is not a list of strings");
      out.push_back(item.get<std::string>());
    }
    return out;
  }

  Fields object(const char* key) const { return {at(key), where_ + "." + key}; }
  const std::string& where() const { return where_; }

 private:
  const Json& at(const char* key) const {
    const auto found = object_.find(key);
    SCLIP_CHECK(found != object_.end(), kCorruptData, where_, " lacks ", key);
    return *found;
  }

  float real(const Json& value, const char* key, double low, double high) const {
    SCLIP_CHECK(value.is_number(), kCorruptData, where_, ": ", key, " is not a number");
    const auto number = value.get<double>();
    SCLIP_CHECK(number >= low && number <= high, kCorruptData, where_, ": ", key, " is ", number,
                ", the format allows ", low, " to ", high);
    return static_cast<float>(number);
  }

  const Json& object_;
  std::string where_;
};

Json parse_json(std::string_view text, const std::string& where) {
  try {
    return parse_guarded_json(text, kConfigDepth, where);
  } catch (const Json::parse_error& error) {
    fail(ErrorCode::kCorruptData, where, " is not valid JSON, see its byte ", error.byte);
  } catch (const Json::out_of_range&) {
    fail(ErrorCode::kCorruptData, where, " has a number that is too large");
  }
}

int tower_width(const Fields& tower, int heads) {
  const int width = tower.integer("width", kWidthMultiple, kMaxWidth);
  SCLIP_CHECK(width % kWidthMultiple == 0, kCorruptData, tower.where(), ": width is ", width,
              ", the format needs a multiple of ", kWidthMultiple);
  SCLIP_CHECK(width % heads == 0, kCorruptData, tower.where(), ": a width of ", width, " does not divide into ", heads,
              " heads");
  return width;
}

int tower_mlp_width(const Fields& tower) {
  const int width = tower.integer("mlp_width", kWidthMultiple, kMaxMlpWidth);
  SCLIP_CHECK(width % kWidthMultiple == 0, kCorruptData, tower.where(), ": mlp_width is ", width,
              ", the format needs a multiple of ", kWidthMultiple);
  return width;
}

VisionConfig parse_vision(const Fields& fields) {
  VisionConfig vision;
  vision.image_size = fields.integer("image_size", 1, kMaxImageSize);
  vision.patch_size = fields.integer("patch_size", 1, kMaxPatchSize);
  SCLIP_CHECK(vision.image_size % vision.patch_size == 0, kCorruptData, fields.where(), ": an image of ",
              vision.image_size, " pixels does not divide into patches of ", vision.patch_size);
  vision.layers = fields.integer("layers", 1, kMaxLayers);
  vision.heads = fields.integer("heads", 1, kMaxWidth);
  vision.width = tower_width(fields, vision.heads);
  vision.mlp_width = tower_mlp_width(fields);
  return vision;
}

TextConfig parse_text(const Fields& fields) {
  TextConfig text;
  text.context = fields.integer("context", 2, kMaxContext);
  text.vocabulary = fields.integer("vocabulary", kMinVocabulary, kMaxVocabulary);
  text.layers = fields.integer("layers", 1, kMaxLayers);
  text.heads = fields.integer("heads", 1, kMaxWidth);
  text.width = tower_width(fields, text.heads);
  text.mlp_width = tower_mlp_width(fields);
  return text;
}

PreprocessConfig parse_preprocessing(const Fields& fields, int patch_size) {
  PreprocessConfig out;
  out.mean = fields.triple("mean", 0, 255);
  out.std = fields.triple("std", 1e-3, 1e4);
  out.crop = fields.integer("crop", 0, kMaxPixels);
  SCLIP_CHECK(out.crop == 0 || out.crop >= patch_size, kCorruptData, fields.where(), ": a crop of ", out.crop,
              " pixels is smaller than a patch of ", patch_size);
  out.stride = fields.integer("stride", 1, kMaxPixels);
  SCLIP_CHECK(out.crop == 0 || out.stride <= out.crop, kCorruptData, fields.where(), ": a stride of ", out.stride,
              " leaves gaps between windows of ", out.crop);
  out.short_side = fields.integer("short_side", 1, kMaxPixels);
  return out;
}

Activation parse_activation(const Fields& fields) {
  const std::string name = fields.text("activation");
  for (const Activation activation : {Activation::kQuickGelu, Activation::kGelu}) {
    if (name == to_string(activation)) return activation;
  }
  fail(ErrorCode::kCorruptData, fields.where(), ": activation is \"", name.substr(0, 40),
       "\", known are \"quick_gelu\" and \"gelu\"");
}

}  // namespace

std::string_view to_string(Activation activation) {
  return activation == Activation::kQuickGelu ? "quick_gelu" : "gelu";
}

ModelConfig parse_model_config(std::string_view config_json, std::string_view preprocessing_json,
                               const std::string& where) {
  const Json config_object = parse_json(config_json, where + ": config");
  const Json preprocessing_object = parse_json(preprocessing_json, where + ": preprocessing");
  const Fields fields(config_object, where + ": config");
  ModelConfig config;
  config.vision = parse_vision(fields.object("vision"));
  config.text = parse_text(fields.object("text"));
  config.embed_dim = fields.integer("embed_dim", 1, kMaxEmbedDim);
  config.activation = parse_activation(fields);
  config.layer_norm_eps = fields.real("layer_norm_eps", 1e-12, 0.1);
  config.logit_scale = fields.real("logit_scale", 0, 1e6);
  config.known_words = fields.texts("known_words");
  config.preprocess =
      parse_preprocessing(Fields(preprocessing_object, where + ": preprocessing"), config.vision.patch_size);
  return config;
}

}  // namespace sclip
