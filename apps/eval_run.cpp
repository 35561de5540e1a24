#include "apps/eval_run.h"

#include <algorithm>
#include <utility>

#include "apps/side_by_side.h"
#include "core/stopwatch.h"
#include "io/image_decode.h"
#include "sclip/error.h"

namespace sclip {
namespace {

PhotoRequest request_for(const Image& photo) {
  return {.photo = photo.view(), .rows = nullptr, .labels = {}, .scores = {}, .with_scores = false, .logits = {}};
}

// What body throws, as a sentence about the photo; empty when it throws nothing.
template <typename Body>
std::string error_of(const Sample& sample, const Body& body) {
  try {
    body();
    return "";
  } catch (const std::exception& error) {
    const std::string text = error.what();
    const bool named =
        text.find(sample.photo.string()) != std::string::npos || text.find(sample.mask.string()) != std::string::npos;
    return named ? text : sample.photo.string() + ": " + text;
  }
}

}  // namespace

struct EvalRun::Task {
  const Job* job = nullptr;
  Image photo;
  GroundTruth truth;
  std::vector<Segmentation> results;  // by job->cells
  EvalTimes times;
  std::string error;
};

EvalRun::EvalRun(std::shared_ptr<const Engine> engine, const TextBank& bank, const DataSet& set,
                 std::span<const Sample> samples, std::span<EvalCell> cells, int sessions)
    : engine_(std::move(engine)),
      bank_(bank),
      set_(set),
      samples_(samples),
      cells_(cells),
      sessions_(sessions),
      identities_(samples.size()) {
  for (size_t i = 0; i < samples.size(); ++i) {
    const std::string error = error_of(samples[i], [&] { identities_[i] = identify(samples[i]); });
    Job job{i, {}};
    for (size_t c = 0; c < cells.size(); ++c) {
      if (!identities_[i] || cells[c].store->find(samples[i].name, *identities_[i]) == nullptr) job.cells.push_back(c);
    }
    if (!job.cells.empty()) jobs_.push_back(std::move(job));
  }
}

void EvalRun::run(Progress& progress) {
  const int sessions = std::max(1, std::min(sessions_, static_cast<int>(jobs_.size())));
  if (!jobs_.empty()) {
    SideBySide<Task>(engine_, sessions,
                     {.read = [&](size_t job) { return read(jobs_[job]); },
                      .compute = [&](Session& session, std::vector<Task>& tasks) { compute(session, tasks); },
                      .finish = [&](Task task) { finish(std::move(task), progress); }})
        .run(jobs_.size());
  }
  std::sort(failed_.begin(), failed_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
}

EvalRun::Task EvalRun::read(const Job& job) const {
  Task task;
  task.job = &job;
  Stopwatch watch;
  const Sample& sample = samples_[job.sample];
  task.error = error_of(sample, [&] {
    if (!identities_[job.sample]) identify(sample);  // throws again
    task.truth = read_ground_truth(sample.mask, set_.rule);
    task.photo = load_image(sample.photo, engine_->thread_pool());
    SCLIP_CHECK(task.truth.width == task.photo.width && task.truth.height == task.photo.height, kCorruptData,
                "the mask ", sample.mask.string(), " has ", task.truth.width, "×", task.truth.height,
                " pixels and its photo ", task.photo.width, "×", task.photo.height,
                ": masks are compared at their own size, so take the one that was not resized");
  });
  task.times.read = watch.lap();
  return task;
}

void EvalRun::compute(Session& session, std::vector<Task>& tasks) const {
  // Photos share their forwards as long as the same cells are asked of them.
  for (size_t begin = 0; begin < tasks.size();) {
    size_t end = begin + 1;
    while (end < tasks.size() && tasks[end].job->cells == tasks[begin].job->cells) ++end;
    for (const size_t cell : tasks[begin].job->cells) {
      std::vector<PhotoRequest> requests;
      std::vector<Task*> sound;
      for (size_t i = begin; i < end; ++i) {
        if (!tasks[i].error.empty()) continue;
        requests.push_back(request_for(tasks[i].photo));
        sound.push_back(&tasks[i]);
      }
      std::vector<Segmentation> together;
      try {
        together = session.segment(requests, bank_, cells_[cell].options);
      } catch (const std::exception&) {
        // One of them cannot be segmented: each by itself tells which, and why.
      }
      for (size_t i = 0; i < sound.size(); ++i) {
        Task& task = *sound[i];
        task.error = error_of(samples_[task.job->sample], [&] {
          task.results.push_back(together.empty()
                                     ? std::move(session.segment({&requests[i], 1}, bank_, cells_[cell].options)[0])
                                     : std::move(together[i]));
          task.times.encode += task.results.back().times.encode;
          task.times.merge += task.results.back().times.resize + task.results.back().times.merge;
        });
      }
    }
    begin = end;
  }
}

void EvalRun::finish(Task task, Progress& progress) {
  const Sample& sample = samples_[task.job->sample];
  Stopwatch watch;
  std::vector<Confusion> matrices;
  if (task.error.empty()) {
    task.error = error_of(sample, [&] {
      for (const Segmentation& result : task.results) {
        matrices.push_back(count(task.truth, result.labels, result.width, result.height, set_.classes.size()));
      }
    });
  }
  task.times.count = watch.lap();
  const std::lock_guard lock(mutex_);
  times_.read += task.times.read;
  times_.encode += task.times.encode;
  times_.merge += task.times.merge;
  times_.count += task.times.count;
  if (!task.error.empty()) {
    identities_[task.job->sample].reset();
    failed_.push_back({sample.name, task.error});
    progress.photo_failed(task.error);
    return;
  }
  for (size_t i = 0; i < matrices.size(); ++i) {
    cells_[task.job->cells[i]].store->add(sample.name, *identities_[task.job->sample], std::move(matrices[i]));
  }
  const EvalTimes& t = task.times;
  progress.photo_done(sample.name, t.read + t.encode + t.merge + t.count);
}

const Confusion& EvalRun::matrix(size_t cell, size_t sample) const {
  const Confusion* matrix =
      identities_[sample] ? cells_[cell].store->find(samples_[sample].name, *identities_[sample]) : nullptr;
  SCLIP_CHECK(matrix != nullptr, kInternal, "no matrix of ", samples_[sample].name);
  return *matrix;
}

EvalRun::Shown EvalRun::show(Session& session, size_t cell, size_t sample) const {
  Shown out;
  out.truth = read_ground_truth(samples_[sample].mask, set_.rule);
  out.photo = load_image(samples_[sample].photo, engine_->thread_pool());
  const PhotoRequest request = request_for(out.photo);
  out.labels = std::move(session.segment({&request, 1}, bank_, cells_[cell].options)[0].labels);
  return out;
}

}  // namespace sclip
