// The border between a model file and the kernels: each limit refuses alone, and an engine asks.
#include "engine/model_limits.h"

#include <filesystem>
#include <limits>
#include <random>

#include "core/atomic_file.h"
#include "core/file.h"
#include "kernels/attention/attention.h"
#include "kernels/tree_attention/tree_attention.h"
#include "sclip/engine.h"
#include "sclip/error.h"
#include "tests/blob_builder.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

using namespace sclip;
using Catch::Contains;

namespace {

// ViT-B/16 of OpenAI.
ModelConfig base() {
  ModelConfig c;
  c.vision = {.image_size = 224, .patch_size = 16, .width = 768, .layers = 12, .heads = 12, .mlp_width = 3072};
  c.text = {.context = 77, .vocabulary = 49408, .width = 512, .layers = 12, .heads = 8, .mlp_width = 2048};
  c.embed_dim = 512;
  c.layer_norm_eps = 1e-5f;
  c.logit_scale = 100;
  c.preprocess = {.mean = {122.771f, 116.746f, 104.094f},
                  .std = {68.501f, 66.632f, 70.323f},
                  .crop = 224,
                  .stride = 112,
                  .short_side = 336};
  return c;
}

template <typename Change>
std::string refused(ErrorCode code, const Change& change) {
  ModelConfig config = base();
  change(config);
  try {
    validate(config, "m.sclip");
  } catch (const Error& e) {
    CHECK(e.code() == code);
    CHECK(std::string(e.what()).starts_with("m.sclip: "));
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("models that the kernels run pass", "[model_limits]") {
  const auto accepted = [](const auto& change) { return refused(ErrorCode::kInternal, change); };
  CHECK(accepted([](ModelConfig&) {}) == "accepted");
  CHECK(accepted([](ModelConfig& c) { c.vision.heads = 3; }) == "accepted");    // 256 channels, the most
  CHECK(accepted([](ModelConfig& c) { c.vision.heads = 192; }) == "accepted");  // 4, the fewest
  CHECK(accepted([](ModelConfig& c) { c.text.context = int{kTreeAttentionMaxDepth}; }) == "accepted");
  CHECK(accepted([](ModelConfig& c) { c.vision.patch_size = 7; }) == "accepted");
  CHECK(accepted([](ModelConfig& c) { c.logit_scale = 0; }) == "accepted");
}

TEST_CASE("heads and contexts beyond the kernels are unsupported", "[model_limits]") {
  const auto why = [](const auto& change) { return refused(ErrorCode::kUnsupported, change); };
  CHECK_THAT(why([](ModelConfig& c) { c.vision.heads = 2; }),
             Contains("image tower's 2 heads have 384 channels each") && Contains("multiples of 4 up to 256"));
  CHECK_THAT(why([](ModelConfig& c) { c.vision.heads = 128; }), Contains("image tower's 128 heads have 6 channels"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.heads = 1; }), Contains("text tower's 1 heads have 512 channels"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.heads = 256; }), Contains("text tower's 256 heads have 2 channels"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.context = int{kTreeAttentionMaxDepth} + 1; }),
             Contains("a text context of 1025 tokens") && Contains("reaches 1024"));
  CHECK_THAT(why([](ModelConfig& c) {
               c.vision.patch_size = 1 << 20;
               c.vision.image_size = 1 << 25;
             }),
             Contains("an image of 33554432 pixels"));
}

TEST_CASE("sizes that no model has are refused before anything divides by them", "[model_limits]") {
  const auto why = [](const auto& change) { return refused(ErrorCode::kCorruptData, change); };
  CHECK_THAT(why([](ModelConfig& c) { c.vision.patch_size = 0; }), Contains("image tower has a patch size of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.vision.image_size = -224; }), Contains("an image size of -224"));
  CHECK_THAT(why([](ModelConfig& c) { c.vision.heads = 0; }), Contains("image tower has a head count of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.vision.layers = 0; }), Contains("image tower has a depth of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.vision.width = 0; }), Contains("image tower has a width of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.vision.mlp_width = 0; }), Contains("image tower has an MLP width of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.heads = 0; }), Contains("text tower has a head count of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.layers = 0; }), Contains("text tower has a depth of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.context = 0; }), Contains("text tower has a context of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.vocabulary = 0; }), Contains("text tower has a vocabulary of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.width = 0; }), Contains("text tower has a width of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.mlp_width = 0; }), Contains("text tower has an MLP width of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.embed_dim = 0; }), Contains("model has an embedding of 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.vision.patch_size = 15; }), Contains("does not divide into patches of 15"));
  CHECK_THAT(why([](ModelConfig& c) { c.vision.heads = 7; }), Contains("768 does not divide into 7 heads"));
  CHECK_THAT(why([](ModelConfig& c) { c.text.heads = 3; }), Contains("512 does not divide into 3 heads"));
}

TEST_CASE("numbers that are not finite are refused", "[model_limits]") {
  const auto why = [](const auto& change) { return refused(ErrorCode::kCorruptData, change); };
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    CHECK_THAT(why([=](ModelConfig& c) { c.preprocess.mean[2] = bad; }), Contains("the mean of a channel is"));
    CHECK_THAT(why([=](ModelConfig& c) { c.preprocess.std[1] = bad; }),
               Contains("the standard deviation of a channel"));
    CHECK_THAT(why([=](ModelConfig& c) { c.layer_norm_eps = bad; }), Contains("layer_norm_eps is"));
    CHECK_THAT(why([=](ModelConfig& c) { c.logit_scale = bad; }), Contains("logit_scale is"));
  }
  CHECK_THAT(why([](ModelConfig& c) { c.preprocess.std[0] = 0; }), Contains("standard deviation of a channel is 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.layer_norm_eps = 0; }), Contains("layer_norm_eps is 0"));
  CHECK_THAT(why([](ModelConfig& c) { c.logit_scale = -1; }), Contains("logit_scale is -1"));
}

TEST_CASE("an engine is not made of a model that its kernels cannot run", "[model_limits]") {
  const auto load = [](const char* pointer, int value) {
    testing::BlobBuilder builder;
    builder.config[testing::Json::json_pointer(pointer)] = value;
    const testing::TemporaryFolder folder;
    const auto path = folder / "blob";
    write_file_atomically(path, std::span<const std::byte>(builder.bytes()));
    std::string message = "accepted";
    try {
      Engine::load(path, {.backend = {.device = "cpu", .precision = Precision::kF32}});
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::kUnsupported);
      message = e.what();
    }
    return message;
  };
  CHECK(load("/vision/heads", 8) == "accepted");
  // The format is content with 16 heads of 2 channels; the first forward was not.
  CHECK_THAT(load("/vision/heads", 16), Contains("image tower's 16 heads have 2 channels"));
  CHECK_THAT(load("/text/heads", 16), Contains("text tower's 16 heads have 2 channels"));
}
