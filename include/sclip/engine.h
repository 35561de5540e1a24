// Engine: weights on a device. Immutable after loading; share one between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sclip/device.h"
#include "sclip/model_config.h"

namespace sclip {

class Backend;
class TextEncoder;
class ThreadPool;
class Tokenizer;
class VisionEncoder;
class WeightBlob;

struct EngineOptions {
  BackendRequest backend{};
  bool verify = true;  // check the blob's SHA-256 while loading
};

// Whether a model given as bytes is copied, or read where it lies.
enum class BlobBytes : uint8_t { kCopied, kBorrowed };

class Engine {
 public:
  // Throws what reading the file and starting the device throw: kNotFound, kCorruptData, kUnsupported, …
  static std::shared_ptr<const Engine> load(const std::filesystem::path& blob, const EngineOptions& options);
  // A model in memory: the content of a .sclip file; `name` stands for it in messages. Borrowed bytes lie on a 64-byte
  // boundary and outlive the engine.
  static std::shared_ptr<const Engine> load(std::span<const std::byte> blob, const std::string& name,
                                            const EngineOptions& options, BlobBytes keep = BlobBytes::kCopied);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const std::string& name() const;    // the path or the name given
  const std::string& sha256() const;  // identifies the weights
  const BlobMetadata& metadata() const;
  const ModelConfig& config() const;
  const DeviceFacts& device() const;
  // What BackendRequest::tune has chosen so far, by earlier runs too; a file that could not be read or written is a
  // note.
  std::vector<TuningNote> tuning() const;
  // The threads of everything that runs on the host, for whoever reads and writes pictures beside the engine.
  ThreadPool& thread_pool() const;
  // Each tower's weights are laid out for the device on first use. This does it now.
  void prepare_vision() const;
  void prepare_text() const;

  // For the library itself; what they return is not declared outside.
  const WeightBlob& blob() const;
  const Backend& backend() const;
  const Tokenizer& tokenizer() const;
  const VisionEncoder& vision() const;
  const TextEncoder& text() const;

 private:
  struct Parts;
  explicit Engine(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sclip
