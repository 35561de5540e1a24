// The image encoder alone: one forward over a batch of windows, from normalised pixels to unit features.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/run_options.h"
#include "benchmarks/serve.h"
#include "engine/dense_head/policy.h"
#include "engine/window_encoder.h"

namespace sclip {
namespace {

struct Flags {
  ModelFlags model;
  RoundFlags rounds;
  std::string policy = "sclip";
  std::vector<int> windows = {8};
  int size = 0;
  int batch = 0;
  bool eager = false;
};

// Values as a normalised photo's, the same in every run; what they are does not change the time.
std::vector<float> pixels(size_t count) {
  std::vector<float> out(count);
  uint32_t state = 1;
  for (float& x : out) {
    state = state * 1664525u + 1013904223u;
    x = static_cast<float>(state >> 8) / static_cast<float>(1 << 23) * 2.0F - 2.0F;
  }
  return out;
}

// `windows` of them side by side in one wide picture, and their way through the encoder.
class Work {
 public:
  Work(const Engine& engine, const DenseHead& head, const Flags& flags, int windows)
      : flags_(flags),
        head_(head),
        windows_(windows),
        size_(flags.size > 0 ? flags.size : engine.config().vision.image_size),
        stream_(engine.backend().make_stream()),
        encoder_(engine.vision(), engine.backend()) {
    SCLIP_CHECK(size_ >= engine.config().vision.patch_size, kInvalidArgument, "windows of ", size_,
                " pixels hold no patch");
    image_ = upload(engine.backend(), pixels(static_cast<size_t>(3 * size_ * size_ * windows_)));
    std::vector<PatchOrigin> origins;
    for (int i = 0; i < windows_; ++i) origins.push_back({static_cast<int32_t>(i * size_), 0});
    origins_ = upload(engine.backend(), origins);
    encode();  // makes plans and memory, which a recording cannot
    stream_->synchronize();
    if (flags.eager || !stream_->can_record()) return;
    stream_->begin_recording();
    encode();
    recording_ = stream_->end_recording();
  }

  void run() {
    recording_ != nullptr ? stream_->replay(*recording_) : encode();
    stream_->synchronize();
  }
  int64_t size() const { return size_; }
  bool recorded() const { return recording_ != nullptr; }

 private:
  template <typename T>
  std::unique_ptr<Memory> upload(const Backend& backend, const std::vector<T>& values) {
    auto memory = backend.allocate(values.size() * sizeof(T));
    stream_->upload(memory->data(), values.data(), values.size() * sizeof(T));
    stream_->synchronize();
    return memory;
  }

  // The features stay where they are: whoever uses them is on the same device.
  void encode() {
    encoder_.encode(*stream_,
                    {.image = static_cast<const float*>(image_->data()),
                     .height = size_,
                     .width = size_ * windows_,
                     .windows = static_cast<const PatchOrigin*>(origins_->data()),
                     .count = windows_,
                     .window_height = size_,
                     .window_width = size_},
                    head_, flags_.batch, {}, [](BlockRunner&, int64_t, const float*) {});
  }

  const Flags& flags_;
  const DenseHead& head_;
  int64_t windows_, size_;
  std::unique_ptr<Stream> stream_;
  WindowEncoder encoder_;
  std::unique_ptr<Memory> image_, origins_;
  std::unique_ptr<Recording> recording_;
};

void run(const Flags& flags) {
  SCLIP_CHECK(!flags.rounds.serve || flags.windows.size() == 1, kInvalidArgument,
              "--serve answers for one number of windows, not ", flags.windows.size());
  const auto engine = flags.model.load();
  const auto head = find_policy(flags.policy).make_head({.blob = engine->blob(), .backend = engine->backend()});
  const int64_t patch = engine->config().vision.patch_size;
  for (const int windows : flags.windows) {
    Work work(*engine, *head, flags, windows);
    const nlohmann::json facts = {{"windows", windows},
                                  {"batch", flags.batch},
                                  {"size", work.size()},
                                  {"tokens", (work.size() / patch) * (work.size() / patch) + 1},
                                  {"recorded", work.recorded()},
                                  {"device", engine->backend().description()},
                                  {"precision", to_string(engine->backend().precision())}};
    run_rounds(flags.rounds, facts, [&] { work.run(); });
  }
}

}  // namespace
}  // namespace sclip

int main(int argc, char** argv) {
  CLI::App app("Times the image encoder.");
  sclip::Flags flags;
  flags.model.add_to(app);
  flags.rounds.add_to(app);
  app.add_option("--windows", flags.windows,
                 "windows in the forward; several numbers, joined by ',', one after another")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--batch", flags.batch, "most windows in one forward; 0: what suits the backend")
      ->check(CLI::Range(0, 1024));
  app.add_option("--policy", flags.policy, "how patches are read out")->capture_default_str();
  app.add_option("--size", flags.size, "side of a window in pixels; 0: the model's")->check(CLI::Range(0, 4096));
  app.add_flag("--eager", flags.eager, "launch kernel by kernel, not as a recording");
  CLI11_PARSE(app, argc, argv);
  return sclip::run_benchmark([&] { sclip::run(flags); });
}
