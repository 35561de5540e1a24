// Engine: weights on a backend. Immutable after loading; share one between threads.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "backends/backend.h"
#include "engine/text/tokenizer.h"
#include "weights/weight_blob.h"

namespace sclip {

class TextEncoder;
class VisionEncoder;

struct EngineOptions {
  BackendRequest backend;
  bool verify = true;  // check the blob's SHA-256 while loading
};

class Engine {
 public:
  // Throws what the blob reader and the backend throw: kNotFound, kCorruptData, kUnsupported, …
  static std::shared_ptr<const Engine> load(const std::filesystem::path& blob, const EngineOptions& options);
  // A model in memory: the content of a .sclip file; `name` stands for it in messages. Borrowed bytes outlive the
  // engine.
  static std::shared_ptr<const Engine> load(std::span<const std::byte> blob, const std::string& name,
                                            const EngineOptions& options, BlobBytes keep = BlobBytes::kCopied);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const WeightBlob& blob() const { return blob_; }
  const ModelConfig& config() const { return blob_.config(); }
  const Backend& backend() const { return *backend_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  // Each tower's weights are laid out for the backend on first use; thread-safe.
  const VisionEncoder& vision() const;
  const TextEncoder& text() const;

 private:
  Engine(WeightBlob blob, std::unique_ptr<Backend> backend);

  struct Towers;
  WeightBlob blob_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Towers> towers_;
};

}  // namespace sclip
