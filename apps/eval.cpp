// sclip eval: labelled photos in; mIoU and its kin out, beside what was published.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "apps/console.h"
#include "apps/eval_set.h"
#include "apps/interrupts.h"
#include "apps/run_options.h"
#include "apps/subcommands.h"
#include "apps/table.h"
#include "core/atomic_file.h"
#include "core/temporary_files.h"
#include "results/output_transaction.h"
#include "sclip/error.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

struct EvalCommand {
  ModelFlags model;
  ClassFlags classes;
  SegmentFlags segment;
  std::string data_sets;
  std::string root;
  std::string split;
  std::string out = "evaluation";
  int table = 0;
  int limit = 0;
  int jobs = 1;
  int pictures = 3;
  bool quiet = false;

  int run() const;

 private:
  std::vector<DataSet> open_sets(EvaluationReport& report) const;
  void check_folder() const;
  void print(const EvaluationReport& report, const EvalOutcome& outcome) const;
};

std::vector<DataSet> EvalCommand::open_sets(EvaluationReport& report) const {
  SCLIP_CHECK((table > 0) != !data_sets.empty(), kInvalidArgument,
              table > 0 ? "--table names its data sets itself: leave --dataset out"
                        : "no data set: give --dataset NAME or --table N");
  std::vector<std::string> names = split_names(data_sets);
  if (table > 0) {
    const auto of_table = table_sets(table);
    names.assign(of_table.begin(), of_table.end());
  }
  std::vector<DataSet> sets;
  for (const std::string& name : names) {
    const DataSetKind& kind = find_data_set_kind(name);
    try {
      sets.push_back(open_data_set(kind, root, split));
    } catch (const Error& error) {
      if (table == 0 || error.code() != ErrorCode::kNotFound) throw;
      report.absent.push_back(str(kind.title, ": ", error.what()));
      if (!quiet) print_message("not there: " + report.absent.back());
    }
  }
  SCLIP_CHECK(!sets.empty(), kNotFound, "none of the data sets of table ", table, " is in ", root);
  for (const DataSet& set : sets) {
    if (quiet) break;
    if (!set.missing.empty()) {
      print_message(str("warning: ", counted(set.missing.size(), "name"), " of the list of ", set.kind->title,
                        " without files, such as ", set.missing.front()));
    }
    if (!set.without_mask.empty()) {
      print_message(str("warning: ", counted(set.without_mask.size(), "photo"), " of ", set.kind->title,
                        " without a mask do not count, such as ", set.without_mask.front().string()));
    }
  }
  return sets;
}

// A report replaces an earlier one, and nothing else.
void EvalCommand::check_folder() const {
  std::error_code error;
  if (!fs::exists(out, error) || fs::is_directory(fs::path(out) / "matrices", error)) return;
  const bool is_free = fs::is_directory(out, error) && fs::is_empty(out, error);
  SCLIP_CHECK(is_free, kIo, "the folder ", out,
              " holds files that are no evaluation's: give an empty one, or a new one, with --out");
}

int EvalCommand::run() const {
  EvaluationReport report;
  report.table = table;
  const std::vector<DataSet> sets = open_sets(report);
  check_folder();
  const EvalPlan plan{
      .request = segment.request,
      .classes = classes,
      .wishes = table > 0 ? table_wishes(table) : parse_wishes(segment.request.policy, segment.request.refine),
      .out = out,
      .table = table,
      .limit = limit,
      .jobs = jobs,
      .pictures = pictures,
      .quiet = quiet};
  make_output_folder(out);
  temporary_files::remove_stale(out);
  std::atomic<Progress*> shown = nullptr;
  const Interrupts interrupts([&shown] {
    const std::string text = "interrupted; the same command goes on with the photos that are left";
    Progress* progress = shown;
    progress != nullptr ? progress->message(text) : print_message(text);
  });
  const auto engine = model.load();
  engine->prepare_vision();
  report.model = engine->metadata().model;
  report.model_sha256 = engine->sha256();
  report.device = engine->device().name;
  report.precision = to_string(engine->device().precision);
  report.templates = classes.templates.empty() ? "imagenet" : classes.templates;

  EvalOutcome all;
  for (const DataSet& set : sets) {
    const EvalOutcome one = evaluate_set(engine, set, plan, report, shown);
    all.computed += one.computed;
    all.finished_before += one.finished_before;
    all.failed += one.failed;
    all.seconds += one.seconds;
    all.times.read += one.times.read;
    all.times.encode += one.times.encode;
    all.times.merge += one.times.merge;
    all.times.count += one.times.count;
  }
  SCLIP_CHECK(!report.sets.empty(), kUnsupported, "none of the read-outs could be run",
              report.skipped.empty() ? "" : ": " + report.skipped.front());
  const fs::path folder(out);
  write_file_atomically(folder / "report.md", to_markdown(report));
  write_file_atomically(folder / "report.csv", to_csv(report));
  write_file_atomically(folder / "report.json", to_json(report));
  if (!quiet) print(report, all);
  return all.failed > 0 ? kExitError : kExitDone;
}

void EvalCommand::print(const EvaluationReport& report, const EvalOutcome& outcome) const {
  std::string text;
  for (const EvaluatedSet& set : report.sets) {
    std::vector<std::vector<std::string>> rows = {{set.title, "mIoU", "published", "pixel accuracy", "photos"}};
    for (const EvaluatedCell& cell : set.cells) {
      rows.push_back({cell.label(), percent(cell.measures.mean_iou),
                      cell.published.empty() ? "" : fixed(cell.published[0].mean_iou, 1) + "%",
                      percent(cell.measures.pixel_accuracy), std::to_string(cell.photos)});
    }
    text += format_table(rows) + "\n";
  }
  text += counted(outcome.computed, "photo") + " in " + fixed(outcome.seconds, 1) + " s";
  if (outcome.finished_before > 0) text += ", " + std::to_string(outcome.finished_before) + " finished before";
  if (outcome.failed > 0) text += ", " + std::to_string(outcome.failed) + " failed and not counted";
  text += "; read " + fixed(outcome.times.read, 1) + " s, encode " + fixed(outcome.times.encode, 1) +
          " s, merge and refine " + fixed(outcome.times.merge, 1) + " s, count " + fixed(outcome.times.count, 1) +
          " s\n";
  if (outcome.computed > 0) {
    const double available = outcome.seconds * std::max(jobs, 1);
    text += "the encoder had " + percent(outcome.times.encode / available) + " of the sessions' time\n";
  }
  text += "report in " + one_line((fs::path(out) / "report.md").string()) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string data_sets_help() {
  std::string help = "which data sets, joined by ','";
  for (const DataSetKind& kind : data_set_kinds())
    help += "\n" + std::string(kind.name) + ": " + std::string(kind.title);
  return help;
}

}  // namespace

void add_eval(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<EvalCommand>();
  CLI::App* eval = app.add_subcommand("eval", "Measure on labelled photos how well the words are found");
  eval->add_option("--dataset", command->data_sets, data_sets_help());
  eval->add_option("--root", command->root, "the data set's folder, or one that holds several sets")->required();
  eval->add_option("--split", command->split, "another part of the set than the usual one: train, say");
  eval->add_option("--table", command->table,
                   "instead of --dataset, --policy and --refine: a table of the SCLIP paper, on those of its sets that "
                   "are there")
      ->check(CLI::Range(1, 4));
  eval->add_option("-o,--out", command->out, "folder for the reports; an interrupted run goes on where it was")
      ->capture_default_str();
  eval->add_option("--limit", command->limit, "so many photos, spread evenly over the set; 0: all")
      ->check(CLI::NonNegativeNumber);
  eval->add_option("--pictures", command->pictures, "of so many of the worst and of the best photos of each way")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command->classes.add_to(*eval);
  command->segment.add_to(*eval);
  command->model.add_to(*eval);
  eval->add_option("--jobs", command->jobs,
                   "sessions that compute side by side; photos are read and counted beside them")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  eval->add_flag("-q,--quiet", command->quiet, "print errors only");
  eval->footer(
      "--policy and --refine take several, joined by ','; --policy all: every one there is.\n"
      "Classes and numbers are the data set's unless others are given.\n"
      "Examples:\n"
      "  sclip eval --dataset voc21 --root data --policy sclip,maskclip,clip --refine none,pamr -o voc21\n"
      "  sclip eval --dataset folder --root mine --policy all --limit 50 -o compared\n"
      "  sclip eval --table 1 --root data --model clip-vit-b16.sclip -o table1\n");
  eval->callback([command, choose] { choose([command] { return command->run(); }); });
}

}  // namespace sclip
