// sclip segment: photos and words in; masks, overlays and statistics out.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apps/budget.h"
#include "apps/console.h"
#include "apps/interrupts.h"
#include "apps/model_path.h"
#include "apps/photo_list.h"
#include "apps/photo_pipeline.h"
#include "apps/progress.h"
#include "apps/run_options.h"
#include "apps/segment_photo.h"
#include "apps/subcommands.h"
#include "apps/table.h"
#include "core/stopwatch.h"
#include "core/temporary_files.h"
#include "results/result_json.h"
#include "sclip/error.h"
#include "sclip/model_info.h"
#include "sclip/policies.h"
#include "sclip/run_plan.h"
#include "sclip/templates.h"

namespace sclip {
namespace {

constexpr size_t kShownWarnings = 5;  // photos of a folder

struct SegmentCommand {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags segment;
  PhotoFlags picture;
  std::vector<std::string> inputs;
  std::string out = "out";
  int jobs = 1;
  double budget_ms = 0;  // 0: no budget
  bool resume = false;
  bool overwrite = false;
  bool named = false;
  bool quiet = false;
  std::string files_from;
  std::string outputs = std::string(kDefaultOutputs);
  std::string overlay_size = "legend";

  int run() const;

 private:
  // Where outputs go, and which.
  struct Plan {
    PhotoList photos;
    OutputChoice outputs;
    OverwriteGuard guard;
    OverlaySize overlay_size = OverlaySize::kWithLegend;
    bool single = false;
  };
  Plan plan() const;
  bool names_a_file(const std::vector<std::string>& photos) const;
  SegmentRun prepare(const Plan& plan) const;
  SegmentOptions load_engine(const Plan& plan, int64_t queries, SegmentRun& run) const;
  void check_ignored(const SegmentOptions& options, ClassList& list) const;
  std::vector<std::string> what_is_written(const Plan& plan) const;
  int run_single(const SegmentRun& run, const PhotoJob& job) const;
  int run_many(const SegmentRun& run, const std::vector<PhotoJob>& photos, Progress& progress) const;
};

// What the choice of outputs asks of the rest of the command line.
void check_outputs(const OutputChoice& choice, size_t photos, bool resume) {
  for (const ChosenOutput& output : choice) {
    SCLIP_CHECK(output.file.empty() || photos == 1, kInvalidArgument, "--outputs ", output.kind->name, "=",
                output.file.string(), " names a file for a single photo; there are ", photos,
                " (without a name, each photo gets a file of its own)");
  }
  SCLIP_CHECK(!resume || contains(choice, "json"), kInvalidArgument,
              "--resume knows finished photos by their result.json: add json to --outputs");
}

// Before anything is computed: no output may have the name of another one, or of what must stay.
void check_targets(const std::vector<PhotoJob>& jobs, const OutputChoice& choice, const OverwriteGuard& guard) {
  std::optional<Error> refusal;
  size_t refused = 0;
  for (const PhotoJob& job : jobs) {
    std::map<std::filesystem::path, std::string_view> taken;
    for (const ChosenOutput& output : choice) {
      const auto path = output.path(job.place);
      std::error_code error;
      const auto [other, is_new] =
          taken.insert({std::filesystem::weakly_canonical(std::filesystem::absolute(path), error), output.kind->name});
      SCLIP_CHECK(is_new, kInvalidArgument, "the outputs ", other->second, " and ", output.kind->name,
                  " cannot both be ", path.string(), ": name them differently");
      if (output.kind->is_folder()) continue;
      try {
        guard.check(path);
      } catch (const Error& e) {
        if (refused++ == 0) refusal = e;
      }
    }
  }
  if (refused == 1) throw *refusal;
  if (refused > 1) fail(refusal->code(), refusal->what(), " (the first of ", refused, " such files)");
}

// "-o picture.png" for one photo: the mask gets this name, and what else is written is named after it.
bool SegmentCommand::names_a_file(const std::vector<std::string>& photos) const {
  std::error_code error;
  if (!std::filesystem::path(out).has_stem() || !out.ends_with(".png") || std::filesystem::is_directory(out, error)) {
    return false;
  }
  SCLIP_CHECK(photos.size() == 1 && !std::filesystem::is_directory(photos[0], error), kInvalidArgument, "--out ", out,
              " names a file, and there may be several photos: name a folder");
  return true;
}

SegmentCommand::Plan SegmentCommand::plan() const {
  const std::vector<std::string> photos = gather_inputs(inputs, files_from);
  Plan plan{.photos = {},
            .outputs = parse_outputs(outputs),
            .guard = OverwriteGuard(overwrite),
            .overlay_size = parse_overlay_size(overlay_size)};
  const bool file = names_a_file(photos);
  const std::filesystem::path target(out);
  plan.photos = list_photos(photos, file ? target.parent_path() : target, named);
  std::vector<PhotoJob>& all = plan.photos.jobs;
  if (file) {
    SCLIP_CHECK(contains(plan.outputs, "mask"), kInvalidArgument, "--out ", out,
                " names the mask: add mask to --outputs, or name a folder");
    all[0].place = {target.has_parent_path() ? target.parent_path() : ".", target.stem().string() + "."};
    for (ChosenOutput& output : plan.outputs) {
      if (output.kind->name == "mask" && output.file.empty()) output.file = target;
    }
  }
  plan.single = all.size() == 1 && (file || named || all[0].place.prefix.empty());
  check_outputs(plan.outputs, all.size(), resume);

  for (const PhotoJob& job : all) plan.guard.protect(job.photo);
  for (const std::string& input :
       {find_model(model.model).string(), classes.classes_file, classes.templates, files_from}) {
    if (!input.empty()) plan.guard.protect(input);
  }
  if (!segment.request.policy.empty()) {
    for (const std::string& matrix : files_of_policy(segment.request.policy, segment.request.policy_options)) {
      plan.guard.protect(matrix);
    }
  }
  check_targets(all, plan.outputs, plan.guard);
  return plan;
}

int SegmentCommand::run() const {
  const Plan plan = this->plan();
  const std::vector<PhotoJob>& all = plan.photos.jobs;
  const bool single = plan.single;
  std::set<std::filesystem::path> folders;
  for (const PhotoJob& job : all) folders.insert(job.place.folder);
  for (const auto& folder : folders) temporary_files::remove_stale(folder);
  make_output_folder(all[0].place.folder);
  if (const std::string left_out = plan.photos.left_out(); !left_out.empty() && !quiet) print_message(left_out);

  Progress progress(all.size(), stderr_is_terminal(), quiet || single);
  const Interrupts interrupts([&progress, &all, single] {
    progress.message(single ? "interrupted; nothing was written"
                            : "interrupted; " + std::to_string(progress.finished()) + " of " +
                                  counted(all.size(), "photo") + " done, --resume goes on with the rest");
  });
  const SegmentRun run = prepare(plan);
  if (single) {
    if (resume && is_finished(all[0].place, all[0].photo, run.facts.options_hash)) {
      if (!quiet) std::printf("%s is finished already\n", one_line(all[0].photo.string()).c_str());
      return kExitDone;
    }
    return run_single(run, all[0]);
  }
  std::vector<PhotoJob> left;
  for (const PhotoJob& job : all) {
    if (!resume || !is_finished(job.place, job.photo, run.facts.options_hash)) left.push_back(job);
  }
  progress.start(all.size() - left.size());
  return run_many(run, left, progress);
}

void SegmentCommand::check_ignored(const SegmentOptions& options, ClassList& list) const {
  if (!options.ignore_label) return;
  check_ignore_label(options.ignore_label, list);
  const auto& names = list.class_names();
  SCLIP_CHECK(!segment.ignore_name.empty() && std::find(names.begin(), names.end(), segment.ignore_name) == names.end(),
              kInvalidArgument, "the pixels of --ignore-label cannot be called '", segment.ignore_name,
              "': give a name that no class has with --ignore-name");
  if (options.prob_thd == 0) {
    list.add_warning(str("no pixel gets --ignore-label ", *options.ignore_label,
                         ": it is for scores below --prob-thd, and that is 0"));
  }
}

// The chosen outputs, and what is to be read in them.
std::vector<std::string> SegmentCommand::what_is_written(const Plan& plan) const {
  std::vector<std::string> all = to_strings(plan.outputs);
  all.push_back("overlay size: " + std::string(to_string(plan.overlay_size)));
  if (segment.request.ignore_label) all.push_back("ignored pixels: " + segment.ignore_name);
  return all;
}

// The engine, and the options: as they are given, or as they keep within the budget for the photo of most windows.
SegmentOptions SegmentCommand::load_engine(const Plan& plan, int64_t queries, SegmentRun& run) const {
  if (budget_ms == 0) {
    run.engine = Engine::load(find_model(model.model), model.engine_options());
    return segment.options(run.engine->config());
  }
  int width = 0, height = 0, most = 0;
  const ModelConfig config = read_model_info(find_model(model.model)).config;
  const SegmentOptions usual = segment.options(config);
  for (const PhotoJob& job : plan.photos.jobs) {
    SCLIP_CHECK(job.photo != kStandardInput, kInvalidArgument,
                "--budget-ms looks at the photos' sizes before anything is computed, and standard input can be read "
                "only once: give the photo as a file");
    try {
      const PictureFile file(job.photo, picture.decode_options());
      const int windows = window_layout(file.width(), file.height(), usual, config).windows();
      if (windows <= most) continue;
      width = file.width(), height = file.height(), most = windows;
    } catch (const Error&) {
      if (plan.single) throw;  // of many, its turn reports it
    }
  }
  SCLIP_CHECK(most > 0, kInvalidArgument, "--budget-ms: none of the photos can be read");
  Budget budget = choose_for_budget(model, segment, queries, width, height, budget_ms);
  run.engine = budget.engine;
  if (!quiet) print_message(budget.sentence);
  return budget.options;
}

SegmentRun SegmentCommand::prepare(const Plan& plan) const {
  // What is wrong with the command line shows before the weights are read.
  ClassList class_list = classes.class_list(segment.config_class_file());
  TextBankOptions bank_options = classes.bank_options();
  const std::string prompt(segment.recipe_prompt());
  if (classes.templates.empty() && !prompt.empty()) bank_options.templates = {prompt};

  Stopwatch watch;
  SegmentRun run;
  const SegmentOptions options = load_engine(plan, static_cast<int64_t>(class_list.queries().size()), run);
  run.engine->prepare_vision();  // laid out here, not within the first photo's time
  const double load_seconds = watch.lap();
  const Engine& engine = *run.engine;
  class_list = classes.with_background(std::move(class_list), engine.config());
  check_ignored(options, class_list);
  run.bank = make_text_bank(engine, std::move(class_list), bank_options);

  RunFacts& facts = run.facts = describe_run(engine, *run.bank);
  facts.load_seconds = load_seconds;
  facts.text_bank_seconds = watch.lap();
  facts.config = segment.request.config;
  facts.recipe = segment.request.recipe;
  facts.options = options;
  facts.ignore_name = segment.ignore_name;
  facts.templates = !classes.templates.empty() ? classes.templates : prompt.empty() ? "imagenet" : "recipe";
  facts.template_count = bank_options.templates.empty() ? imagenet_templates().size() : bank_options.templates.size();
  facts.overlay_size = plan.overlay_size;
  facts.options_hash = options_hash(engine, bank_options, run.bank->classes(), options, what_is_written(plan));
  run.outputs = plan.outputs;
  run.guard = plan.guard;
  run.picture = picture;
  if (!quiet) {
    for (const std::string& warning : facts.warnings) print_message("warning: " + warning);
  }
  return run;
}

// What was measured, for people.
void print_tuning(const Engine& engine) {
  const auto notes = engine.tuning();
  if (notes.empty()) return;
  std::vector<std::vector<std::string>> rows = {{"tuned", "µs", "chosen", "µs", "instead of"}};
  size_t unchanged = 0;
  for (const TuningNote& n : notes) {
    if (n.chosen == n.otherwise) {
      ++unchanged;
    } else {
      rows.push_back({n.what, fixed(n.microseconds, 1), n.chosen, fixed(n.otherwise_microseconds, 1), n.otherwise});
    }
  }
  const std::string text = "\n" + (rows.size() > 1 ? format_table(rows) : "") +
                           "tuned: " + counted(unchanged, "shape") + " where the usual choice is the fastest\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int SegmentCommand::run_single(const SegmentRun& run, const PhotoJob& job) const {
  Session session(run.engine);
  const SegmentedPhoto photo = [&] {
    CallProgress progress(job.photo.string(), stderr_is_terminal() && !quiet);
    return segment_photo(session, run, job, {.progress = [&](double share) { progress.report(share); }});
  }();
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
  if (photo.ignored.pixels > 0) {
    rows.push_back({run.facts.ignore_name, percent(static_cast<double>(photo.ignored.pixels) / pixels),
                    fixed(photo.ignored.mean_score, 3)});
  }
  for (const std::string& warning : photo.facts.warnings) print_message("warning: " + warning);
  const PhotoTimes& t = photo.facts.times;
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
  bool first = true;
  for (const WrittenOutput& output : photo.facts.outputs) {
    text += (std::exchange(first, false) ? "" : ", ") + one_line(output.path.string());
  }
  text += "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  print_tuning(*run.engine);
  return kExitDone;
}

int SegmentCommand::run_many(const SegmentRun& run, const std::vector<PhotoJob>& photos, Progress& progress) const {
  Stopwatch watch;
  size_t failed = 0, warned = 0;
  PhotoPipeline pipeline(run, std::max(1, std::min(jobs, static_cast<int>(photos.size()))));
  pipeline.process(photos, [&](const PhotoJob& job, const PhotoOutcome& outcome) {
    if (outcome.photo) {
      // The first few are shown; a folder may have thousands of a kind.
      const auto& warnings = outcome.photo->facts.warnings;
      if (!warnings.empty() && ++warned <= kShownWarnings && !quiet) {
        for (const std::string& warning : warnings) progress.message("warning: " + warning);
      }
      progress.photo_done(job.photo.string(), outcome.photo->facts.times.total());
    } else {
      ++failed;
      progress.photo_failed(outcome.error);
    }
  });
  progress.stop();
  if (!quiet) {
    std::string text = counted(progress.done(), "photo") + " in " + fixed(watch.lap(), 1) + " s";
    const size_t before = progress.finished() - progress.done();
    if (before > 0) text += ", " + std::to_string(before) + " finished before";
    if (failed > 0) text += ", " + std::to_string(failed) + " failed";
    if (warned > 0) text += ", " + std::to_string(warned) + " with a warning in their result.json";
    std::printf("%s; outputs in %s\n", text.c_str(), one_line(out).c_str());
    print_tuning(*run.engine);
  }
  return failed > 0 ? kExitError : kExitDone;
}

std::string outputs_help() {
  std::string help = "what to write, joined by ','; KIND=FILE gives the file of a single photo a name";
  for (const OutputKind& kind : output_kinds())
    help += "\n" + std::string(kind.name) + ": " + std::string(kind.meaning);
  return help;
}

}  // namespace

void add_segment(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<SegmentCommand>();
  CLI::App* segment = app.add_subcommand("segment", "Cut photos into the regions that words name");
  segment->add_option("photos", command->inputs, "pictures, or folders of pictures; -: a picture from standard input");
  segment->add_option("--files-from", command->files_from, "a file with a photo's path a line, or -: standard input");
  segment
      ->add_option("-o,--out", command->out,
                   "folder for the outputs, made if need be; for one photo also the mask's name: FILE.png")
      ->capture_default_str();
  segment->add_flag("--name-after-photo", command->named, "PHOTO.mask.png instead of mask.png for a single photo, too");
  segment->add_flag("--overwrite", command->overwrite,
                    "replace files that sclip did not write, too; never what the run reads");
  command->classes.add_to(*segment);
  command->segment.add_to(*segment);
  command->model.add_to(*segment);
  command->picture.add_to(*segment);
  segment
      ->add_option("--jobs", command->jobs,
                   "sessions that compute side by side; photos are read and written beside them")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  segment
      ->add_option("--budget-ms", command->budget_ms,
                   "milliseconds that a photo may take: forwards are timed, and of the strides, precisions and batches "
                   "that keep within it the smallest stride is taken, then the most exact precision; what is given "
                   "here stays")
      ->check(CLI::Range(0.001, 1e9));
  segment->add_flag("--resume", command->resume, "skip photos that an earlier run with the same options finished");
  segment->add_option("--outputs", command->outputs, outputs_help())->capture_default_str();
  segment
      ->add_option("--overlay-size", command->overlay_size,
                   "legend: the photo with a legend below or beside it; photo: exactly the photo's size, no legend")
      ->capture_default_str();
  segment->add_flag("-q,--quiet", command->quiet, "print errors only");
  segment->footer(
      "Examples:\n"
      "  sclip segment photo.jpg -c \"sky; building, house; tree; person\" -o out\n"
      "  sclip segment photo.jpg -c person -o cut.png --overlay-size photo\n"
      "  sclip segment photos/ --config voc21 --outputs mask,json --jobs 2 --resume -o masks\n"
      "  find . -name '*.jpg' | sclip segment --files-from - --classes-file words.txt -o out\n");
  segment->callback([command, choose] { choose([command] { return command->run(); }); });
}

}  // namespace sclip
