// How long a photo takes: what is measured of a session that segments one photo again and again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/bench/spread.h"
#include "core/stopwatch.h"
#include "io/image.h"
#include "sclip/session.h"

namespace sclip {

// What is measured, and of what. Everything outlives the call.
struct LatencyTask {
  std::shared_ptr<const Engine> engine;
  const TextBank& bank;
  const SegmentOptions& options;
  const Image& photo;
  int calls = 100;                    // in the steady state
  int together = 0;                   // photos in one call against as many calls; 0: not measured
  const std::string* file = nullptr;  // of the photo, decoded anew with each call; null: none
};

// Seconds.
struct Latency {
  double prepare = 0;     // laying out the image tower's weights
  double first_call = 0;  // of a new session, with the memory it makes
  Spread call;            // whole calls, without decoding
  std::optional<Spread> decode;
  Spread resize, encode, merge;  // StageTimes of the same calls
  int windows = 0;

  // New words for the photo, whose features are kept; none for policies and refinements that look at more.
  std::optional<double> read;
  std::optional<Spread> query;

  // Medians over rounds that alternate, and of the rounds' own ratios.
  struct Together {
    int photos = 0, rounds = 0;
    double one_by_one = 0, in_one_call = 0;  // seconds for all of them
    double ratio = 0;                        // above 1: one call is faster
    double cpu_ratio = 0;  // the same of the process's processor time, which a machine that is shared disturbs less
  };
  std::optional<Together> together;
};

Latency measure_latency(const LatencyTask& task);

// A photo that looks like none, the same in every run: what a photo shows does not change its time.
Image generated_photo(int width, int height);

}  // namespace sclip
