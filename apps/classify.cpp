// sclip classify: which of the classes a whole photo shows: CLIP's own read-out.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/console.h"
#include "apps/load_photo.h"
#include "apps/photo_list.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "apps/table.h"
#include "sclip/error.h"
#include "sclip/session.h"

namespace sclip {
namespace {

struct ClassifyFlags {
  ModelFlags model;
  ClassFlags classes;
  PhotoFlags picture;
  std::vector<std::string> inputs;
  std::string files_from;
  int top = 10;
  std::optional<float> logit_scale;
  bool json = false;
};

float scale_of(const ClassifyFlags& flags, const Engine& engine) {
  return flags.logit_scale.value_or(engine.config().logit_scale);
}

// Indented for a single photo; of several, one line each.
std::string as_json(const std::string& photo, const ClassifyFlags& flags, const Engine& engine, const TextBank& bank,
                    const std::vector<size_t>& order, const std::vector<float>& probabilities, bool single) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const size_t i : order) {
    list.push_back({{"id", i}, {"name", bank.classes().class_names()[i]}, {"probability", probabilities[i]}});
  }
  const nlohmann::ordered_json out = {
      {"photo", photo},
      {"classes", std::move(list)},
      {"logit_scale", scale_of(flags, engine)},
      {"device", {{"name", engine.device().name}, {"precision", std::string(to_string(engine.device().precision))}}},
      {"warnings", bank.warnings()},
  };
  return out.dump(single ? 2 : -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string as_table(const ClassList& classes, const std::vector<size_t>& order,
                     const std::vector<float>& probabilities) {
  std::vector<std::vector<std::string>> rows = {{"class", "probability"}};
  for (const size_t i : order) rows.push_back({classes.class_names()[i], percent(double{probabilities[i]})});
  return format_table(rows);
}

// The most probable classes first, as many as are wished.
std::vector<size_t> ranked(const std::vector<float>& probabilities, int top) {
  std::vector<size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return probabilities[a] > probabilities[b]; });
  if (top > 0 && order.size() > static_cast<size_t>(top)) order.resize(static_cast<size_t>(top));
  return order;
}

int run_classify(const ClassifyFlags& flags) {
  ClassList class_list = flags.classes.class_list();
  const TextBankOptions bank_options = flags.classes.bank_options();
  const std::vector<std::string> inputs = gather_inputs(flags.inputs, flags.files_from);
  const PhotoList photos = list_photos(inputs, {});
  if (const std::string left_out = photos.left_out(); !left_out.empty()) print_message(left_out);
  const bool single = photos.jobs.size() == 1 && photos.jobs[0].place.prefix.empty();
  std::optional<Image> first;
  if (single) {  // a photo that cannot be read shows before the weights are
    ThreadPool decoding(1);
    first = flags.picture.load(photos.jobs[0].photo.string(), decoding);
  }
  const auto engine = flags.model.load();
  class_list = flags.classes.with_background(std::move(class_list), engine->config());
  if (auto warning = unknown_words_warning(engine->config(), class_list)) print_message("warning: " + *warning);
  const auto bank = make_text_bank(*engine, std::move(class_list), bank_options);
  for (const std::string& warning : bank->warnings()) print_message("warning: " + warning);

  Session session(engine);
  size_t failed = 0;
  for (const PhotoJob& job : photos.jobs) {
    const std::string name = job.photo.string();
    try {
      const Image photo = first ? std::move(*first) : flags.picture.load(name, engine->thread_pool());
      const std::vector<float> probabilities = classify(session, photo.view(), *bank, flags.logit_scale);
      const std::vector<size_t> order = ranked(probabilities, flags.top);
      std::string text = flags.json ? as_json(name, flags, *engine, *bank, order, probabilities, single)
                                    : as_table(bank->classes(), order, probabilities);
      if (!single && !flags.json) text = one_line(name) + "\n" + text;
      std::fwrite(text.data(), 1, text.size(), stdout);
    } catch (const Error& error) {
      if (single) throw;
      ++failed;
      print_message(error.what());
    }
  }
  return failed > 0 ? kExitError : kExitDone;
}

}  // namespace

void add_classify(CLI::App& app, const ChooseSubcommand& choose) {
  auto flags = std::make_shared<ClassifyFlags>();
  CLI::App* classify = app.add_subcommand("classify", "Say which of the classes a whole photo shows (zero-shot)");
  classify->add_option("photos", flags->inputs, "pictures, or folders of pictures; -: a picture from standard input");
  classify->add_option("--files-from", flags->files_from, "a file with a photo's path a line, or -: standard input");
  flags->classes.add_to(*classify);
  flags->model.add_to(*classify);
  flags->picture.add_to(*classify);
  classify->add_option("--top", flags->top, "how many classes to show; 0: all")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  classify->add_option("--logit-scale", flags->logit_scale, "cosines are multiplied by this before the softmax")
      ->default_str("what the model has learned")
      ->check(CLI::Range(0.F, 1e6F));
  classify->add_flag("--json", flags->json, "print JSON instead of a table; of several photos, one line each");
  classify->footer(
      "Examples:\n"
      "  sclip classify photo.jpg -c \"cat; dog; horse, pony\"\n"
      "  sclip classify photos/ --classes-file voc20 --top 1 --json > found.jsonl\n");
  classify->callback([flags, choose] { choose([flags] { return run_classify(*flags); }); });
}

}  // namespace sclip
