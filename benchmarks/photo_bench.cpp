// A whole photo to its mask with a cold text bank: decoding, tokenising, both encoders, merging. Not loading.
#include <CLI/CLI.hpp>
#include <string>

#include "apps/run_options.h"
#include "benchmarks/serve.h"
#include "io/image_decode.h"
#include "sclip/session.h"

namespace sclip {
namespace {

struct Flags {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags segment;
  std::string photo;
  int rounds = 7;
  bool serve = false;
};

void run(const Flags& flags) {
  const auto engine = flags.model.load();
  engine->prepare_vision();
  engine->prepare_text();
  const SegmentOptions options = flags.segment.options(engine->config());
  TextBankOptions bank_options = flags.classes.bank_options();
  bank_options.cache_folder.reset();
  Session session(engine);

  serve_benchmark(flags.serve, flags.rounds, [&] {
    const auto bank =
        make_text_bank(*engine, flags.classes.class_list(flags.segment.config_class_file()), bank_options);
    const Image photo = load_image(flags.photo, engine->thread_pool());
    session.segment(photo.view(), *bank, options);
  });
}

}  // namespace
}  // namespace sclip

int main(int argc, char** argv) {
  CLI::App app("Times a whole photo, the text bank included.");
  sclip::Flags flags;
  app.add_option("--photo", flags.photo, "a picture")->required();
  flags.model.add_to(app);
  flags.classes.add_to(app);
  flags.segment.add_to(app);
  app.add_option("--rounds", flags.rounds, "without --serve")->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_flag("--serve", flags.serve, "answer `run` and `quit` on stdin");
  CLI11_PARSE(app, argc, argv);
  return sclip::run_benchmark([&] { sclip::run(flags); });
}
