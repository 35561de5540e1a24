// An evaluation of one data set: every photo read once with its mask, segmented in every way that is asked for,
// counted.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/progress.h"
#include "evaluation/data_set.h"
#include "evaluation/matrix_store.h"
#include "evaluation/report.h"
#include "io/image.h"
#include "sclip/session.h"

namespace sclip {

// One way of segmenting, and what is known of each photo by it.
struct EvalCell {
  SegmentOptions options;
  std::unique_ptr<MatrixStore> store;
};

struct EvalTimes {  // seconds, of all sessions
  double read = 0;
  double encode = 0;
  double merge = 0;  // resizing, merging and refining
  double count = 0;
};

class EvalRun {
 public:
  // All of it outlives the object; `samples` are those that count.
  EvalRun(std::shared_ptr<const Engine> engine, const TextBank& bank, const DataSet& set,
          std::span<const Sample> samples, std::span<EvalCell> cells, int sessions);

  // Photos of which every cell's matrix is there already.
  size_t finished() const { return samples_.size() - jobs_.size(); }
  // Photos that fail are told to `progress`, and left out.
  void run(Progress& progress);

  const std::vector<FailedPhoto>& failed() const { return failed_; }  // by name
  const EvalTimes& times() const { return times_; }

  // Of a sample that did not fail.
  const Confusion& matrix(size_t cell, size_t sample) const;
  bool has_failed(size_t sample) const { return !identities_[sample]; }

  // Again, for pictures: what this cell makes of this sample.
  struct Shown {
    Image photo;
    GroundTruth truth;
    std::vector<uint16_t> labels;
  };
  Shown show(Session& session, size_t cell, size_t sample) const;

 private:
  struct Task;
  struct Job {
    size_t sample;
    std::vector<size_t> cells;  // that have no matrix yet
  };

  Task read(const Job& job) const;
  void compute(Session& session, std::vector<Task>& tasks) const;
  void finish(Task task, Progress& progress);

  std::shared_ptr<const Engine> engine_;
  const TextBank& bank_;
  const DataSet& set_;
  std::span<const Sample> samples_;
  std::span<EvalCell> cells_;
  int sessions_;
  std::vector<std::optional<SampleIdentity>> identities_;  // none: failed
  std::vector<Job> jobs_;
  std::mutex mutex_;  // of what follows, and of the stores
  std::vector<FailedPhoto> failed_;
  EvalTimes times_;
};

}  // namespace sclip
