#include "server/batch_queue.h"

#include <algorithm>

namespace sclip {

SegmentOptions reading_options(const SegmentOptions& options) {
  SegmentOptions reading = options;
  const SegmentOptions usual;
  reading.logit_scale = usual.logit_scale;
  reading.prob_thd = usual.prob_thd;
  reading.ignore_label = usual.ignore_label;
  reading.area_thd = usual.area_thd;
  return reading;
}

size_t BatchQueue::lane_of(int64_t windows) {
  size_t lane = 0;
  for (int64_t most = 1; windows > most && lane + 1 < kLanes; most *= 4) ++lane;
  return lane;
}

void BatchQueue::push(std::shared_ptr<BatchJob> job) {
  ++jobs_;
  windows_ += job->windows;
  Lane& lane = lanes_[lane_of(job->windows)];
  lane.jobs.push_back(std::move(job));
}

void BatchQueue::take(Lane& lane, std::deque<std::shared_ptr<BatchJob>>::iterator job) {
  --jobs_;
  windows_ -= (*job)->windows;
  lane.jobs.erase(job);
  if (lane.jobs.empty()) lane.credit = 0;  // who has no work saves nothing up
}

bool BatchQueue::remove(const std::shared_ptr<BatchJob>& job) {
  Lane& lane = lanes_[lane_of(job->windows)];
  const auto found = std::find(lane.jobs.begin(), lane.jobs.end(), job);
  if (found == lane.jobs.end()) return false;
  take(lane, found);
  return true;
}

std::shared_ptr<BatchJob> BatchQueue::pop() {
  for (;; turn_ = (turn_ + 1) % kLanes) {
    Lane& lane = lanes_[turn_];
    if (lane.jobs.empty()) continue;
    if (lane.credit < lane.jobs.front()->windows) {
      lane.credit += quantum_;
      continue;  // its turn comes again
    }
    std::shared_ptr<BatchJob> job = lane.jobs.front();
    lane.credit -= job->windows;
    take(lane, lane.jobs.begin());
    return job;
  }
}

void BatchQueue::fill(std::vector<std::shared_ptr<BatchJob>>& batch, int64_t most) {
  if (!batch.front()->reads) return;
  int64_t windows = 0;
  for (const auto& job : batch) windows += job->windows;
  const SegmentOptions& reads = *batch.front()->reads;
  for (bool found = true; found;) {
    found = false;
    for (size_t i = 0; i < kLanes; ++i) {
      Lane& lane = lanes_[(turn_ + i) % kLanes];
      const auto fits = std::find_if(lane.jobs.begin(), lane.jobs.end(), [&](const std::shared_ptr<BatchJob>& job) {
        return job->reads == reads && windows + job->windows <= most;
      });
      if (fits == lane.jobs.end()) continue;
      windows += (*fits)->windows;
      lane.credit -= (*fits)->windows;
      batch.push_back(*fits);
      take(lane, fits);
      found = true;
    }
  }
}

}  // namespace sclip
