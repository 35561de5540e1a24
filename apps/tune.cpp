// sclip tune: scale, threshold and synonyms that suit somebody's photos.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/console.h"
#include "apps/interrupts.h"
#include "apps/load_photo.h"
#include "apps/photo_list.h"
#include "apps/progress.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "apps/tune/report.h"
#include "apps/tune/sampling.h"
#include "core/find_named.h"
#include "io/png_write.h"
#include "results/class_style.h"
#include "results/output_transaction.h"
#include "results/own_files.h"
#include "sclip/error.h"
#include "sclip/session.h"

namespace sclip {
namespace {

// Around those that were published for ViT-B/16.
constexpr float kScales[] = {10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 80, 90, 100, 120, 150};
constexpr int kThresholdSteps = 50;
constexpr double kLeastGain = 0.05;    // percent points of mIoU
constexpr double kMuchChanged = 0.25;  // of the pixels, on no mask's word

struct TuneCommand {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags segment;
  PhotoFlags picture;
  std::vector<std::string> inputs;
  std::string files_from;
  std::string masks;
  std::string out = "out";
  std::string synonyms = "builtin";
  std::vector<float> scales, thresholds;
  int64_t pixels = 400'000;
  int most = 50;
  bool zero_is_none = false;
  bool json = false;
  bool overwrite = false;
  bool quiet = false;

  int run() const;

 private:
  std::vector<PhotoJob> chosen_photos() const;
  WordsWithCandidates words(const ClassList& list, const ModelConfig& model_config) const;
  SearchSpace space(const SegmentOptions& options, const ClassList& list, SearchPoint& present) const;
  std::vector<PhotoSample> look(const Engine& engine, const std::vector<PhotoJob>& photos, const TextBank& bank,
                                const SegmentOptions& options, Session& session, size_t& failed) const;
  void check_targets(const std::vector<PhotoJob>& photos) const;
  void write(const TuneReport& report, ThreadPool& pool) const;
};

std::string stem_of(const PhotoJob& job) {
  return job.photo.stem().string();
}

// At most `most`, evenly from the sorted list; with masks only those that have one.
std::vector<PhotoJob> TuneCommand::chosen_photos() const {
  const PhotoList list = list_photos(gather_inputs(inputs, files_from), {}, /*named=*/true);
  if (const std::string left_out = list.left_out(); !left_out.empty() && !quiet) print_message(left_out);
  std::vector<PhotoJob> found;
  for (const PhotoJob& job : list.jobs) {
    if (masks.empty() || !find_mask(masks, job.place.folder, stem_of(job)).empty()) found.push_back(job);
  }
  SCLIP_CHECK(!found.empty(), kNotFound, "none of the ", list.jobs.size(), " photos has a mask in ", masks,
              ": a photo's mask has its name and ends in .png");
  if (found.size() < list.jobs.size() && !quiet) {
    print_message(counted(list.jobs.size() - found.size(), "photo") + " without a mask in " + masks + " left out");
  }
  const auto wanted = static_cast<size_t>(most);
  if (found.size() <= wanted) return found;
  std::vector<PhotoJob> some;
  for (size_t i = 0; i < wanted; ++i) some.push_back(found[i * found.size() / wanted]);
  return some;
}

WordsWithCandidates TuneCommand::words(const ClassList& list, const ModelConfig& model_config) const {
  if (synonyms != "builtin") return without_candidates(list);
  return known_to(model_config, with_candidates(list));
}

SearchSpace TuneCommand::space(const SegmentOptions& options, const ClassList& list, SearchPoint& present) const {
  SearchSpace space;
  space.area_thd = options.area_thd;
  space.low = options.ignore_label ? LowScores::kBecomeNoClass : LowScores::kBecomeClass0;
  const auto with = [](std::vector<float> values, float value) {
    values.push_back(value);
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
  };
  space.scales =
      with(scales.empty() ? std::vector<float>(std::begin(kScales), std::end(kScales)) : scales, options.logit_scale);
  std::vector<float> levels = thresholds;
  const bool may_fall = options.ignore_label || has_background(list.class_names());
  if (!may_fall) {
    levels.clear();
  } else if (levels.empty()) {
    for (int i = 0; i < kThresholdSteps; ++i) levels.push_back(static_cast<float>(i) / kThresholdSteps);
  }
  space.thresholds = with(std::move(levels), options.prob_thd);
  const auto place = [](const std::vector<float>& values, float value) {
    return static_cast<size_t>(std::lower_bound(values.begin(), values.end(), value) - values.begin());
  };
  present = {place(space.scales, options.logit_scale), place(space.thresholds, options.prob_thd)};
  return space;
}

std::vector<PhotoSample> TuneCommand::look(const Engine& engine, const std::vector<PhotoJob>& photos,
                                           const TextBank& bank, const SegmentOptions& options, Session& session,
                                           size_t& failed) const {
  const int64_t most_pixels = pixels == 0 ? 0 : std::max<int64_t>(1, pixels / static_cast<int64_t>(photos.size()));
  Progress progress(photos.size(), stderr_is_terminal(), quiet || !stderr_is_terminal());
  progress.start(0);
  std::vector<PhotoSample> samples;
  for (const PhotoJob& job : photos) {
    const std::string name = job.photo.string();
    try {
      const Image photo = picture.load(name, engine.thread_pool());
      std::vector<int32_t> truth;
      if (!masks.empty()) {
        truth = sample_mask(find_mask(masks, job.place.folder, stem_of(job)),
                            PixelGrid(photo.width, photo.height, most_pixels),
                            static_cast<int64_t>(bank.classes().size()), zero_is_none);
      }
      PhotoSample sample = sample_photo(session, photo.view(), bank, options, most_pixels, name, masks.empty());
      sample.truth = std::move(truth);
      samples.push_back(std::move(sample));
      progress.photo_done(name, 0);
    } catch (const Error& error) {
      ++failed;
      progress.photo_failed(error.what());
    }
  }
  progress.stop();
  return samples;
}

WordChoice choice_of(const WordsWithCandidates& words, std::vector<uint8_t> active) {
  return {.query_class = words.classes.query_class(),
          .active = std::move(active),
          .classes = static_cast<int64_t>(words.classes.size())};
}

std::vector<std::string> notes_of(const TuneReport& r, const ClassList& list, bool masks_given) {
  std::vector<std::string> notes;
  if (!r.threshold_sought) {
    notes.push_back(str("class 0 is '", list.class_names()[0],
                        "', no background: no threshold is sought (name a class background, or give --ignore-label)"));
    notes.emplace_back("without a threshold the scale moves scores only, not labels");
  }
  if (!masks_given) {
    notes.emplace_back(
        "without masks the mirrored photo is the judge: what it confirms may still be wrong, and a class that is "
        "always "
        "mistaken for another is not noticed; a few masks (--masks) tell more");
    if (r.changes.changed > kMuchChanged) {
      notes.emplace_back("much would change: look at a few overlays before you take it");
    }
  } else if (r.photos.size() < 5) {
    notes.push_back(str("chosen on ", counted(r.photos.size(), "photo"), ": expect less on others"));
  }
  return notes;
}

int TuneCommand::run() const {
  SCLIP_CHECK(synonyms == "none" || synonyms == "given" || synonyms == "builtin", kInvalidArgument,
              "--synonyms cannot be '", synonyms, "': ", name_advice(synonyms, {"none", "given", "builtin"}));
  SCLIP_CHECK(masks.empty() || std::filesystem::is_directory(masks), kNotFound, "no folder ", masks,
              ": --masks names the folder of the masks");
  const Interrupts interrupts([] { print_message("interrupted; nothing was written"); });
  ClassList list = classes.class_list(segment.config_class_file());
  const std::vector<PhotoJob> photos = chosen_photos();
  check_targets(photos);
  const auto engine = model.load();
  const SegmentOptions options = segment.options(engine->config());
  list = classes.with_background(std::move(list), engine->config());
  check_ignore_label(options.ignore_label, list);

  TuneReport report{.words = words(list, engine->config())};
  report.words_sought = synonyms != "none";
  report.space = space(options, list, report.present);
  report.threshold_sought = report.space.thresholds.size() > 1;
  report.with_masks = !masks.empty();
  report.every_pixel = pixels == 0;
  const auto bank = make_text_bank(*engine, report.words.classes, classes.bank_options());
  if (!quiet) {
    for (const std::string& warning : bank->warnings()) print_message("warning: " + warning);
    if (const auto warning = unknown_words_warning(engine->config(), list)) print_message("warning: " + *warning);
  }
  Session session(engine);
  size_t failed = 0;
  const std::vector<PhotoSample> samples = look(*engine, photos, *bank, options, session, failed);
  SCLIP_CHECK(!samples.empty(), kCorruptData, "none of the ", photos.size(),
              " photos could be used: the messages above say why");
  for (const PhotoSample& sample : samples) {
    report.photos.push_back(sample.name);
    report.pixels += sample.pixels;
  }

  ThreadPool& pool = engine->thread_pool();
  const WordChoice given = choice_of(report.words, report.words.given);
  const auto setting = [&](SearchPoint p) {
    return WordSetting{.logit_scale = report.space.scales[p.scale],
                       .threshold = report.space.thresholds[p.threshold],
                       .area_thd = report.space.area_thd,
                       .low = report.space.low,
                       .keep_class0 = masks.empty() && has_background(list.class_names())};
  };
  report.search = search_thresholds(samples, given, report.space, report.present, pool);
  // What gains nothing to speak of is no advice.
  const auto settle = [&] {
    SearchResult& found = report.search;
    const double gain = found.at(found.best, report.space) - found.at(report.present, report.space);
    if (report.with_masks && gain < kLeastGain) found.best = report.present;
  };
  settle();
  WordChoice suggested = given;
  if (report.words_sought) {
    report.word_result = search_words(samples, given, setting(report.search.best), pool);
    suggested.active = report.word_result.suggested;
    if (suggested.active != given.active) {
      report.search = search_thresholds(samples, suggested, report.space, report.search.best, pool);
      settle();
    }
  }
  report.changes = compare(samples, given, setting(report.present), suggested, setting(report.search.best),
                           list.class_names(), segment.ignore_name);

  const SearchPoint best = report.search.best;
  if (best.scale != report.present.scale) {
    report.flags.insert(report.flags.end(), {"--logit-scale", short_number(double{report.space.scales[best.scale]})});
  }
  if (best.threshold != report.present.threshold) {
    report.flags.insert(report.flags.end(),
                        {"--prob-thd", short_number(double{report.space.thresholds[best.threshold]})});
  }
  if (suggested.active != given.active) {
    report.flags.insert(report.flags.end(), {"--classes", class_argument(report.words.classes, suggested.active)});
  }
  report.notes = notes_of(report, list, !masks.empty());
  write(report, pool);
  return failed > 0 ? kExitError : kExitDone;
}

// Before anything is computed.
void TuneCommand::check_targets(const std::vector<PhotoJob>& photos) const {
  OverwriteGuard guard(overwrite);
  for (const PhotoJob& job : photos) guard.protect(job.photo);
  for (const char* name : {"tune.png", "tune.json"}) guard.check(std::filesystem::path(out) / name);
}

void TuneCommand::write(const TuneReport& report, ThreadPool& pool) const {
  const std::filesystem::path folder(out);
  make_output_folder(folder);
  const std::string facts = report_json(report);
  OutputTransaction files;
  files.add(folder / "tune.png", encode_png_rgb(draw_plots(report_plots(report)).view(), pool));
  files.add(folder / "tune.json", facts);
  files.commit();
  if (quiet) return;
  const std::string text = json ? facts
                                : report_text(report) + "wrote " + one_line((folder / "tune.png").string()) + ", " +
                                      one_line((folder / "tune.json").string()) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

void add_tune(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<TuneCommand>();
  CLI::App* tune = app.add_subcommand("tune", "Suggest scale, threshold and synonyms for your classes and photos");
  tune->add_option("photos", command->inputs, "pictures, or folders of pictures");
  tune->add_option("--files-from", command->files_from, "a file with a photo's path a line, or -: standard input");
  tune->add_option(
      "--masks", command->masks,
      "a folder with label PNGs that are called like the photos; without it the mirrored photo is the judge");
  tune->add_flag("--reduce-zero-label", command->zero_is_none,
                 "0 in the masks is no class, and the classes are counted from 1");
  tune->add_option("-o,--out", command->out, "folder for tune.png, the curve, and tune.json")->capture_default_str();
  tune->add_flag("--overwrite", command->overwrite, "replace files that sclip did not write, too");
  command->classes.add_to(*tune);
  tune->add_option("--synonyms", command->synonyms,
                   "none; given: which of the given words help; builtin: those of the built-in lists, too")
      ->capture_default_str();
  command->segment.add_to(*tune);
  tune->add_option("--scales", command->scales, "logit scales to try, beside the present one")
      ->check(CLI::Range(0.01F, 1e6F))
      ->delimiter(',');
  tune->add_option("--thresholds", command->thresholds, "thresholds to try, beside the present one")
      ->check(CLI::Range(0.F, 1.F))
      ->delimiter(',');
  command->model.add_to(*tune);
  command->picture.add_to(*tune);
  tune->add_option("--photos", command->most, "how many photos are looked at, evenly from all")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  tune->add_option("--pixels", command->pixels, "how many pixels are looked at in all, on a grid; 0: every one")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  tune->add_flag("--json", command->json, "print what tune.json has instead of tables");
  tune->add_flag("-q,--quiet", command->quiet, "print errors only");
  tune->footer(
      "Examples:\n"
      "  sclip tune photos/ -c \"background = wall, floor; cat, kitten; dog\"\n"
      "  sclip tune photos/ --masks masks/ --classes-file voc21 --config voc21 -o tuned\n");
  tune->callback([command, choose] { choose([command] { return command->run(); }); });
}

}  // namespace sclip
