// BatchJob: what a request wants computed, from the queue to its end.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>

#include "io/image.h"
#include "sclip/photo_features.h"
#include "sclip/session.h"

namespace sclip {

class BatchJob {
 public:
  using Clock = std::chrono::steady_clock;
  // Called on a worker's thread, with the features where the job asked for a photo to be read.
  using Run = std::function<void(Session&, const RunControl&, std::shared_ptr<const PhotoFeatures>)>;

  int64_t windows = 1;  // its cost
  std::stop_token stop;
  // The photo, and how it is read: jobs that read alike share forwards. None: `run` does all by itself.
  std::shared_ptr<const Image> photo;
  std::optional<SegmentOptions> reads;
  Run run;
  std::string_view stage = "encode";  // that the time of `run` is counted as

  // What became of it, once it is done.
  double queue_seconds = 0, encode_seconds = 0, run_seconds = 0;
  int64_t batch_windows = 0;

  bool stopped() const { return stop.stop_requested(); }

 private:
  friend class Batcher;
  friend class BatchQueue;
  Clock::time_point queued_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::exception_ptr error_;
};

// The part of the options that decides how a photo is read. What comes behind it, words and thresholds, may differ
// within a batch.
SegmentOptions reading_options(const SegmentOptions& options);

}  // namespace sclip
