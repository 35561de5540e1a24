// BatchQueue: jobs that wait, and which of them are computed together next.
//
// A lane for each size of job, served by deficit round robin over windows: each lane has the same share of the device
// while it has work, so that a photo of one window does not wait for all large ones before it, nor the large ones for
// an endless row of small ones. Not for several threads at once: the batcher locks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "server/batch_job.h"

namespace sclip {

class BatchQueue {
 public:
  // `quantum`: windows that a lane may add to its turn.
  explicit BatchQueue(int64_t quantum) : quantum_(quantum) {}

  void push(std::shared_ptr<BatchJob> job);
  bool remove(const std::shared_ptr<BatchJob>& job);
  bool empty() const { return jobs_ == 0; }
  int64_t jobs() const { return jobs_; }
  int64_t windows() const { return windows_; }

  // The job whose turn it is; the queue is not empty.
  std::shared_ptr<BatchJob> pop();
  // Adds jobs that read as the batch's first one does while they fit into `most` windows together, a lane's oldest
  // first, the lanes in turn.
  void fill(std::vector<std::shared_ptr<BatchJob>>& batch, int64_t most);

  // By windows: 1, 2 … 4, 5 … 16, 17 … 64, more.
  static constexpr size_t kLanes = 5;
  static size_t lane_of(int64_t windows);

 private:
  struct Lane {
    std::deque<std::shared_ptr<BatchJob>> jobs;
    int64_t credit = 0;  // windows
  };
  void take(Lane& lane, std::deque<std::shared_ptr<BatchJob>>::iterator job);

  const int64_t quantum_;
  std::array<Lane, kLanes> lanes_;
  size_t turn_ = 0;
  int64_t jobs_ = 0, windows_ = 0;
};

}  // namespace sclip
