#include "server/batcher.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "core/stopwatch.h"
#include "server/http/http_error.h"

namespace sclip {
namespace {

using Clock = BatchJob::Clock;

constexpr double kOfDeadline = 0.8;        // that a job may be predicted to take: predictions are means
constexpr double kNewShare = 0.2;          // of the latest batch in the speed that predictions are made of
constexpr std::chrono::seconds kIdle{30};  // after which a session's memory goes back
constexpr std::chrono::seconds kProbe{5};  // between two tries of a device that failed

double seconds_since(Clock::time_point time) {
  return std::chrono::duration<double>(Clock::now() - time).count();
}

bool is_device_error(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return e.code() == ErrorCode::kDevice;
  } catch (...) {
    return false;
  }
}

// Stops a batch when all of its jobs are stopped: for one that is left, the others' windows are computed, too.
class JointStop {
 public:
  explicit JointStop(const std::vector<std::shared_ptr<BatchJob>>& batch) : left_(static_cast<int>(batch.size())) {
    for (const auto& job : batch) callbacks_.emplace_back(job->stop, OneLess{this});
  }
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct OneLess {
    JointStop* all;
    void operator()() const {
      if (--all->left_ == 0) all->source_.request_stop();
    }
  };
  std::stop_source source_;
  std::atomic<int> left_;
  std::deque<std::stop_callback<OneLess>> callbacks_;
};

}  // namespace

Batcher::Batcher(std::shared_ptr<const Engine> engine, const ServeOptions& options, Metrics& metrics)
    : engine_(std::move(engine)), options_(options), metrics_(metrics), queue_(options.max_batch_windows) {
  for (int i = 0; i < options.sessions; ++i) threads_.emplace_back([this] { work(); });
}

Batcher::~Batcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Batcher::Place::~Place() {
  if (batcher_ == nullptr) return;
  batcher_->places_ -= windows_;
  --batcher_->requests_;
}

Batcher::Place Batcher::admit(int64_t windows, double seconds_left) {
  const std::lock_guard lock(mutex_);
  const int64_t before = places_;
  const double each = seconds_a_window_ / options_.sessions;
  const auto refuse = [&](const char* why, const std::string& message) {
    metrics_.refused(why);
    const int again = static_cast<int>(std::clamp(std::ceil(static_cast<double>(before) * each), 1.0, 60.0));
    throw HttpError(429, "too_many_requests", message, again);
  };
  if (before > 0 && before + windows > options_.queue_windows) {
    refuse("queue", str(before, " windows are waiting, and this photo's ", windows, " would make more than ",
                        options_.queue_windows, " (--queue-windows): try again later"));
  }
  const double predicted = static_cast<double>(before + windows) * each;
  if (before > 0 && predicted > kOfDeadline * seconds_left) {
    refuse("deadline", str("this photo would be done in about ", std::ceil(predicted), " s, and its deadline is in ",
                           std::floor(seconds_left), ": try again later"));
  }
  places_ += windows;
  ++requests_;
  return Place(*this, windows);
}

int64_t Batcher::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.windows();
}

void Batcher::trim() {
  {
    const std::lock_guard lock(mutex_);
    ++trims_;
  }
  wake_.notify_all();
}

void Batcher::compute(const std::shared_ptr<BatchJob>& job) {
  {
    const std::lock_guard lock(mutex_);
    SCLIP_CHECK(device_ok_, kDevice, "the device failed, and is tried again: this request cannot be computed now");
    job->queued_ = Clock::now();
    queue_.push(job);
  }
  wake_.notify_one();
  // Not under the job's lock: a stopped job is taken out of the queue by whoever stops it.
  const std::stop_callback leave(job->stop, [&] {
    {
      const std::lock_guard lock(mutex_);
      queue_.remove(job);
    }
    const std::lock_guard lock(job->mutex_);
    job->changed_.notify_all();
  });
  std::unique_lock lock(job->mutex_);
  job->changed_.wait(lock, [&] { return job->done_ || job->stopped(); });
  if (!job->done_) fail(ErrorCode::kCancelled, "the request was given up");
  if (job->error_) std::rethrow_exception(job->error_);
}

std::vector<std::shared_ptr<BatchJob>> Batcher::next_batch(int64_t& trims_seen) {
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return stopping_ || !queue_.empty() || trims_seen != trims_; };
  if (!wake_.wait_for(lock, kIdle, ready)) return {};  // idle: its caller trims
  if (queue_.empty()) return {};
  std::vector<std::shared_ptr<BatchJob>> batch = {queue_.pop()};
  queue_.fill(batch, options_.max_batch_windows);
  if (!batch.front()->reads) return batch;
  // Where requests are on their way, they may come along.
  const auto total = [&] {
    int64_t windows = 0;
    for (const auto& job : batch) windows += job->windows;
    return windows;
  };
  const auto until = batch.front()->queued_ + std::chrono::duration_cast<Clock::duration>(
                                                  std::chrono::duration<double, std::milli>(options_.max_delay_ms));
  while (total() < options_.max_batch_windows && !stopping_ &&
         requests_ > static_cast<int64_t>(batch.size()) + queue_.jobs() &&
         wake_.wait_until(lock, until) == std::cv_status::no_timeout) {
    queue_.fill(batch, options_.max_batch_windows);
  }
  queue_.fill(batch, options_.max_batch_windows);
  return batch;
}

void Batcher::work() {
  std::unique_ptr<Session> session;
  int64_t trims_seen = 0;
  bool trimmed = true;
  for (;;) {
    const auto batch = next_batch(trims_seen);
    if (batch.empty()) {
      {
        const std::lock_guard lock(mutex_);
        if (stopping_ && queue_.empty()) return;
        trims_seen = trims_;
      }
      if (!std::exchange(trimmed, true) && session != nullptr) session->trim();
      continue;
    }
    trimmed = false;
    run_batch(session, batch);
  }
}

void Batcher::run_batch(std::unique_ptr<Session>& session, const std::vector<std::shared_ptr<BatchJob>>& batch) {
  std::vector<std::shared_ptr<BatchJob>> alive;
  int64_t windows = 0;
  for (const auto& job : batch) {
    if (job->stopped()) {
      finish(*job, std::make_exception_ptr(Error(ErrorCode::kCancelled, "the request was given up in the queue")));
      continue;
    }
    windows += job->windows;
    alive.push_back(job);
  }
  if (alive.empty()) return;
  for (const auto& job : alive) {
    job->queue_seconds = seconds_since(job->queued_);
    job->batch_windows = windows;
    metrics_.queued(job->queue_seconds);
  }
  const bool reads_photos = alive.front()->photo != nullptr;  // what reads none is by itself
  if (reads_photos) metrics_.batch(static_cast<int64_t>(alive.size()), windows);
  Stopwatch watch;
  {
    const JointStop stop(alive);
    const RunControl control{.stop = stop.token(), .progress = {}};
    try {
      if (session == nullptr) session = std::make_unique<Session>(engine_);
      read_together(*session, alive, control);
    } catch (...) {  // of the session itself: jobs keep their own errors
      if (is_device_error(std::current_exception())) device_failed();
      for (const auto& job : alive) finish(*job, std::current_exception());
    }
  }
  const double seconds = watch.lap();
  if (reads_photos) {
    metrics_.batch_took(seconds);
    learn_speed(seconds, windows);
  }
  for (const auto& job : alive) {
    if (job->error_ && is_device_error(job->error_)) {
      session.reset();
      wait_for_device();
      break;
    }
  }
}

void Batcher::read_together(Session& session, const std::vector<std::shared_ptr<BatchJob>>& batch,
                            const RunControl& control) {
  std::vector<std::shared_ptr<const PhotoFeatures>> features(batch.size());
  if (batch.front()->reads) {
    Stopwatch watch;
    std::vector<ImageView> photos;
    for (const auto& job : batch) photos.push_back(job->photo->view());
    try {
      features = session.read(photos, *batch.front()->reads, control);
    } catch (...) {
      // One of them may be the reason: each by itself then, so that it alone hears of it.
      const bool device = is_device_error(std::current_exception());
      if (device) device_failed();
      if (batch.size() == 1 || control.stop.stop_requested() || device) {
        for (const auto& job : batch) finish(*job, std::current_exception());
        return;
      }
      for (const auto& job : batch) read_together(session, {job}, {.stop = job->stop, .progress = {}});
      return;
    }
    const double seconds = watch.lap();
    int64_t windows = 0;
    for (const auto& job : batch) windows += job->windows;
    for (const auto& job : batch) {
      job->encode_seconds = seconds * static_cast<double>(job->windows) / static_cast<double>(windows);
      metrics_.stage("encode", job->encode_seconds);
    }
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    BatchJob& job = *batch[i];
    std::exception_ptr error;
    Stopwatch watch;
    try {
      const RunControl own{.stop = job.stop, .progress = {}};
      own.check();
      job.run(session, own, std::move(features[i]));
    } catch (...) {
      error = std::current_exception();
    }
    job.run_seconds = watch.lap();
    metrics_.stage(job.stage, job.run_seconds);
    if (error && is_device_error(error)) device_failed();
    finish(job, error);
  }
}

void Batcher::finish(BatchJob& job, std::exception_ptr error) {
  const std::lock_guard lock(job.mutex_);
  if (job.done_) return;
  job.error_ = std::move(error);
  job.done_ = true;
  job.changed_.notify_all();
}

void Batcher::learn_speed(double seconds, int64_t windows) {
  const double latest = seconds / static_cast<double>(windows);
  const std::lock_guard lock(mutex_);
  seconds_a_window_ = seconds_a_window_ == 0 ? latest : seconds_a_window_ + kNewShare * (latest - seconds_a_window_);
}

void Batcher::device_failed() {
  const std::lock_guard lock(mutex_);
  if (device_ok_) metrics_.device_failed();
  device_ok_ = false;
}

void Batcher::wait_for_device() {
  for (;;) {
    std::vector<std::shared_ptr<BatchJob>> waiting;
    {
      std::unique_lock lock(mutex_);
      while (!queue_.empty()) waiting.push_back(queue_.pop());
    }
    for (const auto& job : waiting) {
      finish(*job, std::make_exception_ptr(
                       Error(ErrorCode::kDevice, "the device failed while this request waited: try again")));
    }
    try {
      Session probe(engine_);
      const Image grey(engine_->config().vision.image_size, engine_->config().vision.image_size);
      probe.embed_image(grey.view());
      device_ok_ = true;
      return;
    } catch (...) {
    }
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, kProbe, [&] { return stopping_; })) return;
  }
}

}  // namespace sclip
