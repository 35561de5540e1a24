// The image encoder alone: one forward over a batch of windows, from normalised pixels to unit features.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
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
  std::string policy = "sclip";
  int windows = 8;
  int size = 0;
  int batch = 0;
  int rounds = 7;
  bool serve = false;
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

void run(const Flags& flags) {
  const auto engine = flags.model.load();
  const VisionEncoder& vision = engine->vision();
  const Backend& backend = engine->backend();
  const auto stream = backend.make_stream();
  const auto head = find_policy(flags.policy).make_head({.blob = engine->blob(), .backend = backend});
  const int64_t size = flags.size > 0 ? flags.size : engine->config().vision.image_size;
  const int64_t grid = size / engine->config().vision.patch_size;
  SCLIP_CHECK(grid > 0, kInvalidArgument, "windows of ", size, " pixels hold no patch");

  // All windows side by side in one wide picture.
  const int64_t width = size * flags.windows;
  const std::vector<float> host = pixels(static_cast<size_t>(3 * size * width));
  const auto image = backend.allocate(host.size() * sizeof(float));
  stream->upload(image->data(), host.data(), host.size() * sizeof(float));
  std::vector<PatchOrigin> origins;
  for (int i = 0; i < flags.windows; ++i) origins.push_back({static_cast<int32_t>(i * size), 0});
  const auto origins_memory = backend.allocate(origins.size() * sizeof(PatchOrigin));
  stream->upload(origins_memory->data(), origins.data(), origins.size() * sizeof(PatchOrigin));
  const auto* windows = static_cast<const PatchOrigin*>(origins_memory->data());
  WindowEncoder encoder(vision, backend);
  // The features stay where they are: whoever uses them is on the same device.
  const auto encode = [&] {
    encoder.encode(*stream,
                   {.image = static_cast<const float*>(image->data()),
                    .height = size,
                    .width = width,
                    .windows = windows,
                    .count = flags.windows,
                    .window_height = size,
                    .window_width = size},
                   *head, flags.batch, {}, [](BlockRunner&, int64_t, const float*) {});
  };
  encode();  // makes plans and memory, which a recording cannot
  stream->synchronize();
  std::unique_ptr<Recording> recording;
  if (stream->can_record() && !flags.eager) {
    stream->begin_recording();
    encode();
    recording = stream->end_recording();
  }
  serve_benchmark(flags.serve, flags.rounds, [&] {
    recording != nullptr ? stream->replay(*recording) : encode();
    stream->synchronize();
  });
}

}  // namespace
}  // namespace sclip

int main(int argc, char** argv) {
  CLI::App app("Times the image encoder.");
  sclip::Flags flags;
  flags.model.add_to(app);
  app.add_option("--windows", flags.windows, "windows in the forward")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--batch", flags.batch, "windows in one forward; 0: what suits the backend")
      ->check(CLI::Range(0, 1024));
  app.add_option("--policy", flags.policy, "how patches are read out")->capture_default_str();
  app.add_option("--size", flags.size, "side of a window in pixels; 0: the model's")->check(CLI::Range(0, 4096));
  app.add_option("--rounds", flags.rounds, "without --serve")->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_flag("--eager", flags.eager, "launch kernel by kernel, not as a recording");
  app.add_flag("--serve", flags.serve, "answer `run` and `quit` on stdin");
  CLI11_PARSE(app, argc, argv);
  return sclip::run_benchmark([&] { sclip::run(flags); });
}
