#include "engine/engine.h"

#include <mutex>

#include "engine/model_limits.h"
#include "engine/text_encoder.h"
#include "engine/vision_encoder.h"

namespace sclip {

namespace {

BlobCheck check_of(const EngineOptions& options) {
  return options.verify ? BlobCheck::kHashes : BlobCheck::kStructureOnly;
}

}  // namespace

struct Engine::Towers {
  std::once_flag vision_once, text_once;
  std::unique_ptr<VisionEncoder> vision;
  std::unique_ptr<TextEncoder> text;
};

Engine::Engine(WeightBlob blob, std::unique_ptr<Backend> backend)
    : blob_(std::move(blob)),
      backend_(std::move(backend)),
      tokenizer_(std::make_unique<Tokenizer>(blob_.merges())),
      towers_(std::make_unique<Towers>()) {
  validate(config(), blob_.name());
  SCLIP_CHECK(tokenizer_->vocab_size() == config().text.vocabulary, kCorruptData, blob_.name(), ": its merges make ",
              tokenizer_->vocab_size(), " tokens, its token table has ", config().text.vocabulary, " rows");
}

Engine::~Engine() = default;

std::shared_ptr<const Engine> Engine::load(const std::filesystem::path& blob, const EngineOptions& options) {
  auto backend = make_backend(options.backend);
  return std::shared_ptr<const Engine>(new Engine(WeightBlob(blob, check_of(options)), std::move(backend)));
}

std::shared_ptr<const Engine> Engine::load(std::span<const std::byte> blob, const std::string& name,
                                           const EngineOptions& options, BlobBytes keep) {
  auto backend = make_backend(options.backend);
  return std::shared_ptr<const Engine>(new Engine(WeightBlob(blob, name, check_of(options), keep), std::move(backend)));
}

const VisionEncoder& Engine::vision() const {
  std::call_once(towers_->vision_once, [&] { towers_->vision = std::make_unique<VisionEncoder>(blob_, *backend_); });
  return *towers_->vision;
}

const TextEncoder& Engine::text() const {
  std::call_once(towers_->text_once, [&] { towers_->text = std::make_unique<TextEncoder>(blob_, *backend_); });
  return *towers_->text;
}

}  // namespace sclip
