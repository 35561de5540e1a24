// Batcher: requests come singly, and the model is fed together. Lets jobs in while the queue is short enough, makes
// batches of those that read photos alike, and computes them in sessions, a thread each.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "server/batch_queue.h"
#include "server/metrics.h"
#include "server/serve_options.h"

namespace sclip {

class Batcher {
 public:
  // `options` and `metrics` outlive the object. Jobs that were let in are computed before the destructor is done.
  Batcher(std::shared_ptr<const Engine> engine, const ServeOptions& options, Metrics& metrics);
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // A place in the queue, taken before a photo is decoded. Throws HttpError 429 where the queue is full, or so long
  // that the job would not be done within `seconds_left`.
  class Place {
   public:
    Place(Batcher& batcher, int64_t windows) : batcher_(&batcher), windows_(windows) {}
    ~Place();
    Place(Place&& other) noexcept
        : batcher_(std::exchange(other.batcher_, nullptr)), windows_(std::exchange(other.windows_, 0)) {}
    Place& operator=(Place&&) = delete;

   private:
    Batcher* batcher_;
    int64_t windows_;
  };
  Place admit(int64_t windows, double seconds_left);

  // Returns when the job is done; rethrows what it threw. A job that is stopped in the queue leaves it at once, and one
  // that is being computed is left behind.
  void compute(const std::shared_ptr<BatchJob>& job);

  // Gives memory back that sessions keep for later photos, as each comes to it.
  void trim();

  int64_t places() const { return places_; }  // windows let in and not done
  int64_t waiting() const;                    // of them, in the queue
  bool device_ok() const { return device_ok_; }

 private:
  void work();
  std::vector<std::shared_ptr<BatchJob>> next_batch(int64_t& trims_seen);
  void run_batch(std::unique_ptr<Session>& session, const std::vector<std::shared_ptr<BatchJob>>& batch);
  void read_together(Session& session, const std::vector<std::shared_ptr<BatchJob>>& batch, const RunControl& control);
  static void finish(BatchJob& job, std::exception_ptr error);
  void learn_speed(double seconds, int64_t windows);
  // Before anybody hears of the error: who does finds it at /readyz and counted, once however many jobs met it.
  void device_failed();
  // Until a new session computes. Meanwhile what waits is told.
  void wait_for_device();

  const std::shared_ptr<const Engine> engine_;
  const ServeOptions& options_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  BatchQueue queue_;
  std::atomic<int64_t> places_{0}, requests_{0};  // let in
  double seconds_a_window_ = 0;                   // of late; 0: not known yet
  int64_t trims_ = 0;                             // asked for so far
  bool stopping_ = false;
  std::atomic<bool> device_ok_{true};
  std::vector<std::thread> threads_;
};

}  // namespace sclip
