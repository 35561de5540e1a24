#include "apps/photo_pipeline.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "core/thread_pool.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// In one call of a session: windows of four photos fill the batches of a device, and every thread of a CPU.
constexpr size_t kPhotosAtOnce = 4;

// A device leaves the processor's threads to reading and writing. On a CPU they compute, and two more are enough to
// have the next photo ready and the last one written; the others would only hold memory.
int hands_for(const Engine& engine, int sessions) {
  const int threads = engine.thread_pool().threads();
  return engine.device().name == "cpu" ? std::min(threads, sessions + 1) : std::max(2, threads);
}

// What body throws, as a sentence about the photo; empty when it throws nothing.
template <typename Body>
std::string error_of(const PhotoJob& job, const Body& body) {
  try {
    body();
    return "";
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return job.photo.string() + ": " + error.what();
  }
}

}  // namespace

PhotoPipeline::PhotoPipeline(const SegmentRun& run, int sessions)
    : run_(run),
      sessions_(sessions),
      hands_(hands_for(*run.engine, sessions)),
      most_open_(static_cast<size_t>(hands_) + kPhotosAtOnce * static_cast<size_t>(sessions)) {}

void PhotoPipeline::process(std::span<const PhotoJob> jobs, const OnPhoto& each) {
  jobs_ = jobs;
  each_ = &each;
  next_ = open_ = finished_ = 0;
  broken_ = nullptr;
  std::vector<std::thread> threads;
  for (int i = 0; i < sessions_; ++i) threads.emplace_back([this] { guarded([this] { compute(); }); });
  for (int i = 0; i < hands_; ++i) threads.emplace_back([this] { guarded([this] { read_and_write(); }); });
  for (std::thread& thread : threads) thread.join();
  decoded_.clear();
  computed_.clear();
  if (broken_) std::rethrow_exception(broken_);
}

template <typename Body>
void PhotoPipeline::guarded(const Body& body) {
  try {
    body();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!broken_) broken_ = std::current_exception();
    changed_.notify_all();
  }
}

void PhotoPipeline::read_and_write() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] {
      return broken_ || finished_ == jobs_.size() || !computed_.empty() || (next_ < jobs_.size() && open_ < most_open_);
    });
    if (broken_ || finished_ == jobs_.size()) return;
    if (!computed_.empty()) {
      Task task = std::move(computed_.front());
      computed_.pop_front();
      lock.unlock();
      write(std::move(task));
    } else {
      const PhotoJob& job = jobs_[next_++];
      ++open_;
      lock.unlock();
      open(job);
    }
    lock.lock();
  }
}

void PhotoPipeline::open(const PhotoJob& job) {
  Task task;
  task.job = &job;
  task.error = error_of(job, [&] { task.photo = std::make_unique<OpenPhoto>(run_, job); });
  if (task.photo == nullptr) return report(job, {.photo = std::nullopt, .error = std::move(task.error)});
  const std::lock_guard lock(mutex_);
  decoded_.push_back(std::move(task));
  changed_.notify_all();
}

void PhotoPipeline::compute() {
  Session session(run_.engine);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return broken_ || finished_ == jobs_.size() || !decoded_.empty(); });
    if (broken_ || finished_ == jobs_.size()) return;
    std::vector<Task> tasks;
    for (; !decoded_.empty() && tasks.size() < kPhotosAtOnce; decoded_.pop_front()) {
      tasks.push_back(std::move(decoded_.front()));
    }
    lock.unlock();
    segment(session, tasks);
    lock.lock();
    for (Task& task : tasks) computed_.push_back(std::move(task));
    changed_.notify_all();
  }
}

void PhotoPipeline::segment(Session& session, std::vector<Task>& tasks) {
  std::vector<PhotoRequest> requests;
  std::vector<Task*> held;
  for (Task& task : tasks) {
    if (task.photo->passes()) continue;
    requests.push_back(task.photo->request());
    held.push_back(&task);
  }
  try {
    std::vector<Segmentation> together = session.segment(requests, *run_.bank, run_.facts.options);
    for (size_t i = 0; i < held.size(); ++i) held[i]->segmentation = std::move(together[i]);
  } catch (const std::exception&) {
    // One of them cannot be segmented: each by itself tells which, and why.
  }
  for (Task& task : tasks) {
    if (task.segmentation) continue;
    task.error = error_of(*task.job, [&] { task.segmentation = segment_one(session, run_, *task.photo); });
  }
}

void PhotoPipeline::write(Task task) {
  PhotoOutcome outcome{.photo = std::nullopt, .error = std::move(task.error)};
  if (task.segmentation) {
    outcome.error = error_of(*task.job, [&] { outcome.photo = task.photo->write(std::move(*task.segmentation)); });
  }
  task.photo.reset();  // before another one is opened in its place
  report(*task.job, std::move(outcome));
}

void PhotoPipeline::report(const PhotoJob& job, PhotoOutcome outcome) {
  {
    const std::lock_guard lock(report_mutex_);
    (*each_)(job, outcome);
  }
  const std::lock_guard lock(mutex_);
  --open_;
  ++finished_;
  changed_.notify_all();
}

}  // namespace sclip
