// sclip segment: photos and words in; masks, overlays and statistics out.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "apps/console.h"
#include "apps/interrupts.h"
#include "apps/model_path.h"
#include "apps/output_transaction.h"
#include "apps/photo_list.h"
#include "apps/progress.h"
#include "apps/result_json.h"
#include "apps/run_options.h"
#include "apps/segment_photo.h"
#include "apps/stopwatch.h"
#include "apps/subcommands.h"
#include "apps/table.h"
#include "engine/text/templates.h"

namespace sclip {
namespace {

struct SegmentCommand {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags segment;
  std::vector<std::string> inputs;
  std::string out = "out";
  int jobs = 1;
  bool resume = false;
  bool quiet = false;
  bool logits = false;
  bool scores = false;
  std::string logits_file;
  std::string scores_file;

  int run() const;

 private:
  SegmentRun prepare() const;
  int run_single(const SegmentRun& run, const PhotoJob& job) const;
  int run_many(const SegmentRun& run, const std::vector<PhotoJob>& photos, Progress& progress) const;
};

void check_npy_name(const std::string& file, const std::string& flag, size_t photos) {
  if (file.empty()) return;
  SCLIP_CHECK(file.ends_with(".npy"), kInvalidArgument, flag, " takes the name of a .npy file, or nothing: ", file,
              " is neither (put ", flag, " last, or write ", flag, "=FILE)");
  SCLIP_CHECK(photos == 1, kInvalidArgument, flag, " takes a file name for a single photo only; there are ", photos,
              " (without a name, each photo gets a file beside its mask)");
}

int SegmentCommand::run() const {
  const std::vector<PhotoJob> all = list_photos(inputs, out);
  const bool single = all.size() == 1 && all[0].prefix.empty();
  check_npy_name(logits_file, "--logits", all.size());
  check_npy_name(scores_file, "--scores", all.size());
  make_output_folder(out);

  Progress progress(all.size(), stderr_is_terminal(), quiet || single);
  const Interrupts interrupts([&progress, &all, single] {
    progress.message(single ? "interrupted; nothing was written"
                            : "interrupted; " + std::to_string(progress.finished()) + " of " +
                                  counted(all.size(), "photo") + " done, --resume goes on with the rest");
  });
  const SegmentRun run = prepare();
  if (single) {
    if (resume && is_finished(all[0], run.facts.options_hash)) {
      if (!quiet) std::printf("%s is finished already\n", one_line(inputs[0]).c_str());
      return kExitDone;
    }
    return run_single(run, all[0]);
  }
  std::vector<PhotoJob> left;
  for (const PhotoJob& job : all) {
    if (!resume || !is_finished(job, run.facts.options_hash)) left.push_back(job);
  }
  progress.start(all.size() - left.size());
  return run_many(run, left, progress);
}

SegmentRun SegmentCommand::prepare() const {
  // What is wrong with the command line shows before the weights are read.
  ClassList class_list = classes.class_list(segment.config_class_file());
  const TextBankOptions bank_options = classes.bank_options();

  SegmentRun run;
  RunFacts& facts = run.facts;
  facts.model_path = find_model(model.model);
  Stopwatch watch;
  run.engine = Engine::load(facts.model_path, model.engine_options());
  run.engine->vision();  // laid out here, not within the first photo's time
  facts.load_seconds = watch.lap();

  const Engine& engine = *run.engine;
  facts.options = segment.options(engine.config());
  if (auto warning = unknown_words_warning(engine.config(), class_list)) facts.warnings.push_back(*warning);
  run.bank = make_text_bank(engine, std::move(class_list), bank_options);
  facts.text_bank_seconds = watch.lap();
  for (const std::string& warning : run.bank->warnings()) facts.warnings.push_back("warning: " + warning);
  if (!quiet) {
    for (const std::string& warning : facts.warnings) print_message(warning);
  }

  facts.model_name = engine.blob().metadata().model;
  facts.model_sha256 = engine.blob().sha256();
  facts.model_licence = engine.blob().metadata().licence;
  facts.device = engine.backend().name();
  facts.device_description = engine.backend().description();
  facts.precision = engine.backend().activation_dtype() == DType::kF32 ? "f32" : "bf16";
  facts.config = segment.config;
  facts.templates = classes.templates.empty() ? "imagenet" : classes.templates;
  facts.template_count = bank_options.templates.empty() ? imagenet_templates().size() : bank_options.templates.size();
  facts.text_bank_cached = run.bank->from_cache();
  run.logits = logits;
  run.scores = scores;
  run.logits_file = logits_file;
  run.scores_file = scores_file;
  facts.options_hash = options_hash(engine, bank_options, run.bank->classes(), facts.options,
                                    {logits ? "logits" + logits_file : "", scores ? "scores" + scores_file : ""});
  return run;
}

int SegmentCommand::run_single(const SegmentRun& run, const PhotoJob& job) const {
  Session session(run.engine);
  const SegmentedPhoto photo = segment_photo(session, run, job);
  if (quiet) return kExitDone;

  const ClassList& names = run.bank->classes();
  std::vector<size_t> order;
  for (size_t i = 0; i < photo.classes.size(); ++i) {
    if (photo.classes[i].pixels > 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return photo.classes[a].pixels > photo.classes[b].pixels; });
  std::vector<std::vector<std::string>> rows = {{"class", "share", "mean score"}};
  const double pixels = static_cast<double>(photo.width) * photo.height;
  for (const size_t i : order) {
    rows.push_back({names.class_names()[i], percent(static_cast<double>(photo.classes[i].pixels) / pixels),
                    fixed(photo.classes[i].mean_score, 3)});
  }
  const PhotoTimes& t = photo.times;
  std::string text = str(one_line(job.photo.string()), ": ", photo.width, "×", photo.height, " pixels, ",
                         counted(static_cast<size_t>(photo.windows), "window"), ", ", run.facts.device, " ",
                         run.facts.precision, "\n\n");
  text += format_table(rows);
  if (order.size() < names.class_names().size()) {
    text += "  (" + counted(names.class_names().size() - order.size(), "class") + " without a pixel)\n";
  }
  text += "\nseconds: load " + fixed(run.facts.load_seconds, 3) + ", text bank " +
          fixed(run.facts.text_bank_seconds, 3) + (run.facts.text_bank_cached ? " (cached)" : "") + ", decode " +
          fixed(t.decode, 3) + ", resize " + fixed(t.resize, 3) + ", encode " + fixed(t.encode, 3) + ", merge " +
          fixed(t.merge, 3) + ", write " + fixed(t.write, 3) + "\nwrote ";
  for (size_t i = 0; i < photo.outputs.size(); ++i) text += (i == 0 ? "" : ", ") + one_line(photo.outputs[i].string());
  text += "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitDone;
}

int SegmentCommand::run_many(const SegmentRun& run, const std::vector<PhotoJob>& photos, Progress& progress) const {
  Stopwatch watch;
  std::atomic<size_t> next{0};
  std::atomic<size_t> failed{0};
  const auto work = [&] {
    Session session(run.engine);
    for (size_t i = next++; i < photos.size(); i = next++) {
      Stopwatch photo_watch;
      try {
        segment_photo(session, run, photos[i]);
        progress.photo_done(photos[i].photo.string(), photo_watch.lap());
      } catch (const Error& error) {
        ++failed;
        progress.photo_failed(error.what());
      } catch (const std::exception& error) {
        ++failed;
        progress.photo_failed(photos[i].photo.string() + ": " + error.what());
      }
    }
  };
  const int workers = std::max(1, std::min(jobs, static_cast<int>(photos.size())));
  if (workers == 1) {
    work();
  } else {
    std::exception_ptr broken;
    std::mutex broken_mutex;
    std::vector<std::thread> pool;
    for (int i = 0; i < workers; ++i) {
      pool.emplace_back([&] {
        try {
          work();
        } catch (...) {
          const std::lock_guard<std::mutex> lock(broken_mutex);
          broken = std::current_exception();
        }
      });
    }
    for (std::thread& thread : pool) thread.join();
    if (broken) std::rethrow_exception(broken);
  }
  progress.stop();
  if (!quiet) {
    std::string text = counted(progress.done(), "photo") + " in " + fixed(watch.lap(), 1) + " s";
    const size_t before = progress.finished() - progress.done();
    if (before > 0) text += ", " + std::to_string(before) + " finished before";
    if (failed > 0) text += ", " + std::to_string(failed) + " failed";
    std::printf("%s; outputs in %s\n", text.c_str(), one_line(out).c_str());
  }
  return failed > 0 ? kExitError : kExitDone;
}

}  // namespace

void add_segment(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<SegmentCommand>();
  CLI::App* segment = app.add_subcommand("segment", "Cut photos into the regions that words name");
  segment->add_option("photos", command->inputs, "pictures, or folders of pictures")->required();
  segment->add_option("-o,--out", command->out, "folder for mask, overlay and result; made if need be")
      ->capture_default_str();
  command->classes.add_to(*segment);
  command->segment.add_to(*segment);
  command->model.add_to(*segment);
  segment->add_option("--jobs", command->jobs, "photos computed side by side; they share the threads")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  segment->add_flag("--resume", command->resume, "skip photos that an earlier run with the same options finished");
  segment->add_option("--logits", command->logits_file, "also write the cosine of every query at every pixel (.npy)")
      ->expected(0, 1);
  segment->add_option("--scores", command->scores_file, "also write the best class score of every pixel (.npy)")
      ->expected(0, 1);
  segment->add_flag("-q,--quiet", command->quiet, "print errors only");
  segment->callback([command, segment, choose] {
    command->logits = segment->count("--logits") > 0;
    command->scores = segment->count("--scores") > 0;
    choose([command] { return command->run(); });
  });
}

}  // namespace sclip
