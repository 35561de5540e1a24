// sclip bench: how fast this machine is, with a model or kernel by kernel.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/bench/kernel_report.h"
#include "apps/bench/latency.h"
#include "apps/console.h"
#include "apps/load_photo.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "apps/table.h"
#include "core/stopwatch.h"
#include "sclip/error.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

struct BenchCommand {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags segment;
  std::string what;
  std::vector<std::string> files;
  std::vector<int> size;
  int calls = 100;
  int together = 0;
  std::string filter;
  int rounds = 20;
  bool json = false;

  int run() const;

 private:
  int run_latency() const;
  int run_kernels() const;
  int run_comparison() const;

  // What came before the measurements, in seconds, and what they are of.
  struct Setting {
    double load = 0, words = 0;
    int width = 0, height = 0;
    int64_t queries = 0;
    std::string device, precision, model, policy;
    int threads = 0;
  };
  static std::string as_text(const Setting& setting, const Latency& latency);
  static std::string as_json(const Setting& setting, const Latency& latency);
};

std::string milliseconds(double seconds) {
  return fixed(1e3 * seconds, seconds < 0.01 ? 3 : 1);
}

std::vector<std::string> row_of(const std::string& name, const Spread& s) {
  return {name,
          milliseconds(s.p50),
          milliseconds(s.p90),
          milliseconds(s.p99),
          milliseconds(s.min),
          milliseconds(s.max),
          milliseconds(s.mad),
          fixed(s.tail(), 3)};
}

std::string BenchCommand::as_text(const Setting& setting, const Latency& l) {
  std::vector<std::vector<std::string>> rows{{"ms", "p50", "p90", "p99", "min", "max", "mad", "p99/p50"}};
  rows.push_back(row_of("call", l.call));
  rows.push_back(row_of("  resize", l.resize));
  rows.push_back(row_of("  encode", l.encode));
  rows.push_back(row_of("  merge", l.merge));
  if (l.decode) rows.push_back(row_of("decode", *l.decode));
  if (l.query) rows.push_back(row_of("new words", *l.query));
  std::string out =
      str(setting.width, "×", setting.height, " pixels, ", counted(static_cast<size_t>(l.windows), "window"), ", ",
          counted(static_cast<size_t>(setting.queries), "word"), ", policy ", setting.policy, "; ", setting.model, ", ",
          setting.device, " ", setting.precision, ", ", counted(static_cast<size_t>(setting.threads), "thread"), "; ",
          counted(static_cast<size_t>(l.call.count), "call"), " of one session\n\n", format_table(rows));
  out += str("\nonce: load ", milliseconds(setting.load), " ms, words ", milliseconds(setting.words),
             " ms, weights of the image tower ", milliseconds(l.prepare), " ms, first call ",
             milliseconds(l.first_call), " ms\n");
  if (l.read) out += str("features for new words are kept by one call of ", milliseconds(*l.read), " ms\n");
  if (l.together) {
    const Latency::Together& t = *l.together;
    out +=
        str(t.photos, " photos: one call each ", milliseconds(t.one_by_one), " ms, one call for all ",
            milliseconds(t.in_one_call), " ms: ", fixed(t.ratio, 3), " times the photos a second, by processor time ",
            fixed(t.cpu_ratio, 3), " (medians of ", t.rounds, " rounds in turns)\n");
  }
  return out;
}

Json to_json(const Spread& s) {
  return {{"count", s.count}, {"p50", s.p50},   {"p90", s.p90}, {"p99", s.p99},          {"min", s.min},
          {"max", s.max},     {"mean", s.mean}, {"mad", s.mad}, {"p99_to_p50", s.tail()}};
}

std::string BenchCommand::as_json(const Setting& setting, const Latency& l) {
  Json seconds = {{"load", setting.load},        {"words", setting.words},   {"prepare", l.prepare},
                  {"first_call", l.first_call},  {"call", to_json(l.call)},  {"resize", to_json(l.resize)},
                  {"encode", to_json(l.encode)}, {"merge", to_json(l.merge)}};
  if (l.decode) seconds["decode"] = to_json(*l.decode);
  if (l.read) seconds["read"] = *l.read;
  if (l.query) seconds["new_words"] = to_json(*l.query);
  Json out = {{"photo", {{"width", setting.width}, {"height", setting.height}}},
              {"windows", l.windows},
              {"queries", setting.queries},
              {"policy", setting.policy},
              {"model", setting.model},
              {"device", {{"name", setting.device}, {"precision", setting.precision}, {"threads", setting.threads}}},
              {"seconds", std::move(seconds)}};
  if (l.together) {
    const Latency::Together& t = *l.together;
    out["together"] = {{"photos", t.photos},           {"rounds", t.rounds}, {"one_by_one", t.one_by_one},
                       {"in_one_call", t.in_one_call}, {"ratio", t.ratio},   {"cpu_ratio", t.cpu_ratio}};
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

int BenchCommand::run() const {
  if (what == "kernels") return run_kernels();
  if (what == "compare") return run_comparison();
  return run_latency();
}

int BenchCommand::run_kernels() const {
  SCLIP_CHECK(files.empty(), kInvalidArgument, "bench kernels reads no file; what is '", files[0], "'?");
  const KernelTimings timings =
      time_kernels({.backend = model.engine_options().backend, .filter = filter, .rounds = rounds, .progress = {}});
  std::fputs((json ? kernel_json(timings) : kernel_table(timings)).c_str(), stdout);
  return kExitDone;
}

int BenchCommand::run_comparison() const {
  SCLIP_CHECK(files.size() == 2, kInvalidArgument,
              "bench compare takes two files that `sclip bench kernels --json` wrote, not ", files.size());
  const KernelComparison comparison = compare_kernels(files[0], files[1]);
  std::fputs((json ? comparison_json(comparison) : comparison_table(comparison)).c_str(), stdout);
  return kExitDone;
}

int BenchCommand::run_latency() const {
  SCLIP_CHECK(files.size() <= 1, kInvalidArgument, "bench latency takes one photo, not ", files.size());
  const std::string photo = files.empty() ? "" : files[0];
  SCLIP_CHECK(photo.empty() != size.empty(), kInvalidArgument,
              "give a photo, or the size of one: sclip bench latency photo.jpg, or sclip bench latency --size 640,480");
  const std::string_view list = segment.config_class_file();
  ClassList words = classes.class_list(list.empty() ? "voc21" : list);
  TextBankOptions bank_options = classes.bank_options();
  Stopwatch watch;
  const auto engine = model.load();
  Setting setting;
  setting.load = watch.lap();
  const SegmentOptions options = segment.options(engine->config());
  const auto bank = make_text_bank(*engine, classes.with_background(std::move(words), engine->config()), bank_options);
  setting.words = watch.lap();
  const Image image =
      photo.empty() ? generated_photo(size[0], size[1]) : PhotoFlags{}.load(photo, engine->thread_pool());
  const Latency latency = measure_latency({.engine = engine,
                                           .bank = *bank,
                                           .options = options,
                                           .photo = image,
                                           .calls = calls,
                                           .together = together,
                                           .file = photo.empty() ? nullptr : &photo});
  setting.width = image.width;
  setting.height = image.height;
  setting.queries = bank->queries();
  setting.device = engine->device().name;
  setting.precision = to_string(engine->device().precision);
  setting.model = engine->metadata().model;
  setting.policy = options.policy;
  setting.threads = engine->thread_pool().threads();
  std::fputs((json ? as_json(setting, latency) : as_text(setting, latency)).c_str(), stdout);
  return kExitDone;
}

}  // namespace

void add_bench(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<BenchCommand>();
  CLI::App* bench = app.add_subcommand("bench", "Measure how long a photo takes, call by call, or a kernel");
  bench
      ->add_option("what", command->what,
                   "latency: calls for a single photo, one after the other; kernels: each kernel beside its roofline; "
                   "compare: two results of kernels")
      ->required()
      ->check(CLI::IsMember({"latency", "kernels", "compare"}));
  bench->add_option("file", command->files,
                    "latency: a picture, decoded anew with each call; compare: two files of bench kernels --json");
  bench->add_option("--size", command->size, "width and height in pixels of a generated photo, instead of a picture")
      ->check(CLI::Range(1, 1 << 15))
      ->delimiter(',')
      ->expected(2);
  bench->add_option("--calls", command->calls, "calls that are measured, behind the first and three more")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  bench->add_option("--together", command->together, "so many photos in one call, too, against a call for each")
      ->check(CLI::Range(2, 1024));
  bench->add_option("--filter", command->filter, "kernels: only those whose names contain PART")->type_name("PART");
  bench->add_option("--rounds", command->rounds, "kernels: times that are taken of each")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  bench->add_flag("--json", command->json, "print JSON, in seconds, instead of a table in milliseconds");
  command->classes.add_to(*bench);
  command->segment.add_to(*bench);
  command->model.add_to(*bench);
  bench->footer(
      "Examples:\n"
      "  sclip bench latency photo.jpg --config voc21\n"
      "  sclip bench latency --size 640,480 --threads 2 --calls 200 --json\n"
      "  sclip bench latency --size 224,224 --short-side 224 --together 8\n"
      "  sclip bench kernels --filter attention --json > before.json\n"
      "  sclip bench compare before.json after.json\n");
  bench->callback([command, choose] { choose([command] { return command->run(); }); });
}

}  // namespace sclip
