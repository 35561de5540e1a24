// An evaluation of one data set from its words to its pictures.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <vector>

#include "apps/eval_run.h"
#include "apps/eval_wishes.h"
#include "apps/progress.h"
#include "apps/run_options.h"
#include "evaluation/data_set.h"
#include "evaluation/report.h"

namespace sclip {

struct EvalPlan {
  SegmentRequest request;  // what does not differ between the wishes
  ClassFlags classes;
  std::vector<EvalWish> wishes;
  std::filesystem::path out;
  int table = 0;  // of the paper, whose figures come first
  int limit = 0;  // photos, spread evenly over the set; 0: all
  int jobs = 1;
  int pictures = 0;  // of the worst and of the best photos of each way
  bool quiet = false;
};

struct EvalOutcome {
  size_t computed = 0, finished_before = 0, failed = 0;  // photos
  double seconds = 0;                                    // wall time of reading, computing and counting
  EvalTimes times;
};

// Adds the set to `report`, unless none of the wishes can be run. `shown` is the progress while there is one, for
// whoever must speak when the program is interrupted.
EvalOutcome evaluate_set(const std::shared_ptr<const Engine>& engine, const DataSet& set, const EvalPlan& plan,
                         EvaluationReport& report, std::atomic<Progress*>& shown);

}  // namespace sclip
