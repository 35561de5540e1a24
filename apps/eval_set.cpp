#include "apps/eval_set.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "apps/console.h"
#include "apps/table.h"
#include "core/atomic_file.h"
#include "core/stopwatch.h"
#include "evaluation/pictures.h"
#include "io/png_write.h"
#include "results/output_transaction.h"
#include "results/run_facts.h"
#include "sclip/error.h"
#include "sclip/recipes.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

// A folder's name of what may hold anything.
std::string plain_name(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
    if (plain) out += c;
    if (!plain && !out.empty() && out.back() != '-') out += '-';
  }
  return out;
}

std::vector<Sample> spread(const std::vector<Sample>& samples, int limit) {
  const size_t most = limit == 0 ? samples.size() : std::min(samples.size(), static_cast<size_t>(limit));
  std::vector<Sample> out;
  for (size_t i = 0; i < most; ++i) out.push_back(samples[i * samples.size() / most]);
  return out;
}

std::string options_text(const SegmentOptions& o) {
  std::string text = str("short side ", o.short_side, ", ");
  if (o.squash) text += "squashed to a square, ";
  text += o.crop == 0 ? "the whole photo at once" : str("windows of ", o.crop, " every ", o.stride);
  text += str(", logit scale ", o.logit_scale, ", threshold ", o.prob_thd);
  if (o.area_thd) text += str(", area ", *o.area_thd);
  if (o.temperature != 1) text += str(", temperature ", o.temperature);
  if (o.ignore_label) text += str(", below it the label ", *o.ignore_label);
  return text;
}

SegmentRequest request_for(const EvalPlan& plan, const EvalWish& wish, const DataSetKind& kind) {
  SegmentRequest request = plan.request;
  request.policy = wish.policy;
  request.refine = wish.refine;
  if (request.config.empty()) {
    request.config = kind.config;
    if (kind.short_side > 0 && !request.short_side) request.short_side = kind.short_side;
  }
  if (!(wish.protocol == Protocol{})) {
    request.short_side = wish.protocol.short_side;
    request.crop = wish.protocol.crop;
    request.stride = wish.protocol.stride;
  }
  return request;
}

// What cannot work shows on one grey picture, and not after hours.
void try_out(const std::shared_ptr<const Engine>& engine, const TextBank& bank, const SegmentOptions& options) {
  const std::vector<uint8_t> grey(size_t{64} * 64 * 3, uint8_t{127});
  Session(engine).segment(ImageView{grey.data(), 64, 64}, bank, options);
}

class SetEvaluation {
 public:
  SetEvaluation(const std::shared_ptr<const Engine>& engine, const DataSet& set, const EvalPlan& plan,
                EvaluationReport& report)
      : engine_(engine), set_(set), plan_(plan), report_(report), samples_(spread(set.samples, plan.limit)) {
    facts_.name = set.kind->name;
    facts_.title = set.kind->title;
    facts_.folder = set.folder.string();
    facts_.split = set.split;
    facts_.numbers = describe(set.rule.kind());
    facts_.ignored = set.ignored;
    facts_.missing = set.missing.size();
    facts_.without_mask = set.without_mask.size();
    facts_.asked = samples_.size();
  }

  EvalOutcome run(std::atomic<Progress*>& shown) {
    make_bank();
    for (const EvalWish& wish : plan_.wishes) add_cell(wish);
    if (cells_.empty()) return {};
    EvalRun run(engine_, *bank_, set_, samples_, cells_, plan_.jobs);
    EvalOutcome outcome;
    outcome.finished_before = run.finished();
    if (!plan_.quiet) {
      print_message(str(set_.kind->title, ": ", counted(samples_.size(), "photo"), ", ",
                        counted(cells_.size(), "way") + " of segmenting each",
                        run.finished() > 0 ? str(", ", run.finished(), " finished before") : ""));
    }
    {
      Progress progress(samples_.size(), stderr_is_terminal(), plan_.quiet);
      shown = &progress;
      progress.start(run.finished());
      Stopwatch watch;
      run.run(progress);
      outcome.seconds = watch.lap();
      shown = nullptr;
      progress.stop();
      outcome.computed = progress.done();
    }
    outcome.failed = run.failed().size();
    outcome.times = run.times();
    facts_.failed = run.failed();
    for (size_t c = 0; c < cells_.size(); ++c) sum_up(run, c);
    draw(run);
    report_.sets.push_back(std::move(facts_));
    return outcome;
  }

 private:
  void make_bank() {
    const bool own_words = plan_.classes.classes_given || !plan_.classes.classes_file.empty();
    ClassList list = own_words ? plan_.classes.class_list() : set_.classes;
    bank_options_ = plan_.classes.bank_options();
    if (!plan_.request.recipe.empty()) {
      const Recipe& recipe = find_recipe(
          plan_.request.recipe, plan_.request.config.empty() ? std::string(set_.kind->config) : plan_.request.config);
      const std::string_view words = recipe.setting.class_file;
      if (!own_words && !words.empty()) list = parse_class_file(builtin_class_file(words), words);
      if (bank_options_.templates.empty() && !recipe.prompt.empty())
        bank_options_.templates = {std::string(recipe.prompt)};
    }
    SCLIP_CHECK(list.size() == set_.classes.size(), kInvalidArgument, "the masks of ", set_.kind->title, " have ",
                set_.classes.size(), " classes, and the list given has ", list.size());
    facts_.class_names = list.class_names();
    bank_ = make_text_bank(*engine_, std::move(list), bank_options_);
    if (plan_.quiet) return;
    for (const std::string& warning : describe_run(*engine_, *bank_).warnings) print_message("warning: " + warning);
  }

  void add_cell(const EvalWish& wish) {
    SegmentOptions options;
    try {
      options = resolve(request_for(plan_, wish, *set_.kind), engine_->config());
      check_ignore_label(options.ignore_label, bank_->classes());
      try_out(engine_, *bank_, options);
    } catch (const Error& error) {
      if (wish.required) throw;
      report_.skipped.push_back(str(wish.policy, " on ", set_.kind->title, ": ", error.what()));
      if (!plan_.quiet) print_message("not run: " + report_.skipped.back());
      return;
    }
    EvaluatedCell cell;
    cell.policy = options.policy;
    cell.refine = to_string(options.refine.kind);
    cell.protocol = wish.protocol;
    cell.options = options_text(options);
    const std::vector<std::string> what = {"evaluation of " + facts_.name, "split " + set_.split, facts_.numbers};
    cell.options_hash = options_hash(*engine_, bank_options_, bank_->classes(), options, what);
    for (const EvaluatedCell& other : facts_.cells) {
      if (other.options_hash == cell.options_hash) return;  // the same, spelled otherwise
    }
    const std::vector<std::string> spellings = {wish.policy, options.policy};
    cell.published = published(facts_.name, spellings, cell.refine, cell.protocol, plan_.table);
    const fs::path folder = plan_.out / "matrices";
    make_output_folder(folder);
    const fs::path file = folder / (facts_.name + "-" + cell.options_hash.substr(0, 16) + ".jsonl");
    cells_.push_back({options, std::make_unique<MatrixStore>(file, facts_.class_names.size())});
    facts_.cells.push_back(std::move(cell));
  }

  void sum_up(const EvalRun& run, size_t c) {
    EvaluatedCell& cell = facts_.cells[c];
    cell.confusion = Confusion(facts_.class_names.size());
    for (size_t i = 0; i < samples_.size(); ++i) {
      if (run.has_failed(i)) continue;
      cell.confusion += run.matrix(c, i);
      ++cell.photos;
    }
    cell.measures = measure(cell.confusion);
  }

  void write_picture(const Image& image, const fs::path& path, EvaluatedCell& cell) const {
    write_file_atomically(path, encode_png_rgb(image.view(), engine_->thread_pool()));
    cell.pictures.push_back(path.lexically_relative(plan_.out).generic_string());
  }

  void draw(const EvalRun& run) {
    std::unique_ptr<Session> session;
    for (size_t c = 0; c < cells_.size(); ++c) {
      EvaluatedCell& cell = facts_.cells[c];
      const fs::path folder = plan_.out / facts_.name / plain_name(cell.label());
      make_output_folder(folder);
      const std::string title = str(facts_.title, ", ", cell.label(), ": mIoU ", percent(cell.measures.mean_iou),
                                    " over ", cell.photos, " photos");
      write_picture(draw_confusion(cell.confusion, facts_.class_names, title), folder / "confusion.png", cell);
      const auto ranked = by_quality(run, c);
      const size_t most = std::min(static_cast<size_t>(plan_.pictures), ranked.size() / 2 + ranked.size() % 2);
      for (const bool best : {false, true}) {
        for (size_t i = 0; i < std::min(most, best ? ranked.size() - most : most); ++i) {
          const auto [iou, sample] = ranked[best ? ranked.size() - 1 - i : i];
          if (!session) session = std::make_unique<Session>(engine_);
          const EvalRun::Shown shown = run.show(*session, c, sample);
          const std::string text = str(cell.label(), ": mIoU ", percent(iou));
          write_picture(draw_comparison(shown.photo.view(), shown.truth, shown.labels, facts_.class_names, text),
                        folder / str(best ? "best-" : "worst-", i + 1, ".png"), cell);
        }
      }
    }
  }

  // Photos with pixels that count, by the mean IoU of their classes.
  std::vector<std::pair<double, size_t>> by_quality(const EvalRun& run, size_t c) const {
    std::vector<std::pair<double, size_t>> out;
    for (size_t i = 0; i < samples_.size(); ++i) {
      if (run.has_failed(i)) continue;
      const double iou = measure(run.matrix(c, i)).mean_iou;
      if (!std::isnan(iou)) out.emplace_back(iou, i);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  const std::shared_ptr<const Engine>& engine_;
  const DataSet& set_;
  const EvalPlan& plan_;
  EvaluationReport& report_;
  std::vector<Sample> samples_;
  TextBankOptions bank_options_;
  std::shared_ptr<const TextBank> bank_;
  std::vector<EvalCell> cells_;
  EvaluatedSet facts_;
};

}  // namespace

EvalOutcome evaluate_set(const std::shared_ptr<const Engine>& engine, const DataSet& set, const EvalPlan& plan,
                         EvaluationReport& report, std::atomic<Progress*>& shown) {
  return SetEvaluation(engine, set, plan, report).run(shown);
}

}  // namespace sclip
