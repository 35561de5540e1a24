#include "sclip/engine.h"

#include <mutex>

#include "backends/backend.h"
#include "engine/model_limits.h"
#include "engine/text/tokenizer.h"
#include "engine/text_encoder.h"
#include "engine/vision_encoder.h"
#include "sclip/error.h"
#include "weights/weight_blob.h"

namespace sclip {

struct Engine::Parts {
  Parts(WeightBlob b, std::unique_ptr<Backend> on)
      : blob(std::move(b)),
        backend(std::move(on)),
        tokenizer(blob.merges()),
        device{std::string(backend->name()), backend->description(), backend->precision()} {}

  WeightBlob blob;
  std::unique_ptr<Backend> backend;
  Tokenizer tokenizer;
  DeviceFacts device;
  std::once_flag vision_once, text_once;
  std::unique_ptr<VisionEncoder> vision;
  std::unique_ptr<TextEncoder> text;
};

namespace {

BlobCheck check_of(const EngineOptions& options) {
  return options.verify ? BlobCheck::kHashes : BlobCheck::kStructureOnly;
}

}  // namespace

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {
  validate(config(), name());
  SCLIP_CHECK(tokenizer().vocab_size() == config().text.vocabulary, kCorruptData, name(), ": its merges make ",
              tokenizer().vocab_size(), " tokens, its token table has ", config().text.vocabulary, " rows");
}

Engine::~Engine() = default;

std::shared_ptr<const Engine> Engine::load(const std::filesystem::path& blob, const EngineOptions& options) {
  auto backend = make_backend(options.backend);
  return std::shared_ptr<const Engine>(
      new Engine(std::make_unique<Parts>(WeightBlob(blob, check_of(options)), std::move(backend))));
}

std::shared_ptr<const Engine> Engine::load(std::span<const std::byte> blob, const std::string& name,
                                           const EngineOptions& options, BlobBytes keep) {
  auto backend = make_backend(options.backend);
  return std::shared_ptr<const Engine>(
      new Engine(std::make_unique<Parts>(WeightBlob(blob, name, check_of(options), keep), std::move(backend))));
}

const std::string& Engine::name() const {
  return parts_->blob.name();
}
const std::string& Engine::sha256() const {
  return parts_->blob.sha256();
}
const BlobMetadata& Engine::metadata() const {
  return parts_->blob.metadata();
}
const ModelConfig& Engine::config() const {
  return parts_->blob.config();
}
const DeviceFacts& Engine::device() const {
  return parts_->device;
}
std::vector<TuningNote> Engine::tuning() const {
  return parts_->backend->tuned() != nullptr ? parts_->backend->tuned()->notes() : std::vector<TuningNote>();
}
ThreadPool& Engine::thread_pool() const {
  return parts_->backend->thread_pool();
}
void Engine::prepare_vision() const {
  vision();
}
void Engine::prepare_text() const {
  text();
}

const WeightBlob& Engine::blob() const {
  return parts_->blob;
}
const Backend& Engine::backend() const {
  return *parts_->backend;
}
const Tokenizer& Engine::tokenizer() const {
  return parts_->tokenizer;
}

const VisionEncoder& Engine::vision() const {
  Parts& p = *parts_;
  std::call_once(p.vision_once, [&] { p.vision = std::make_unique<VisionEncoder>(p.blob, *p.backend); });
  return *p.vision;
}

const TextEncoder& Engine::text() const {
  Parts& p = *parts_;
  std::call_once(p.text_once, [&] { p.text = std::make_unique<TextEncoder>(p.blob, *p.backend); });
  return *p.text;
}

}  // namespace sclip
