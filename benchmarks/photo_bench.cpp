// A whole photo to its mask with a cold text bank: decoding, tokenising, both encoders, merging. Not loading.
// With --warm a session's answer alone: the bank is there, and the photo decoded.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
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
  RoundFlags rounds;
  std::string photo;
  bool warm = false;
};

void run(const Flags& flags) {
  const auto engine = flags.model.load();
  engine->prepare_vision();
  engine->prepare_text();
  const SegmentOptions options = flags.segment.options(engine->config());
  TextBankOptions bank_options = flags.classes.bank_options();
  bank_options.cache_folder.reset();
  Session session(engine);
  const auto make_bank = [&] {
    return make_text_bank(*engine, flags.classes.class_list(flags.segment.config_class_file()), bank_options);
  };
  const auto decode = [&] { return load_image(flags.photo, engine->thread_pool()); };

  nlohmann::json facts = {{"photo", flags.photo}, {"warm", flags.warm}};
  if (!flags.warm) {
    run_rounds(flags.rounds, facts, [&] {
      const auto bank = make_bank();
      session.segment(decode().view(), *bank, options);
    });
    return;
  }
  const auto bank = make_bank();
  const Image photo = decode();
  // The first call makes the plan, the second one the recording.
  facts["windows"] = session.segment(photo.view(), *bank, options).windows;
  session.segment(photo.view(), *bank, options);
  run_rounds(flags.rounds, facts, [&] { session.segment(photo.view(), *bank, options); });
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
  flags.rounds.add_to(app);
  app.add_flag("--warm", flags.warm, "time the session alone: bank and decoded photo are there");
  CLI11_PARSE(app, argc, argv);
  return sclip::run_benchmark([&] { sclip::run(flags); });
}
