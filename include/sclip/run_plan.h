// What a segmentation will take, before it is run: windows, work, memory and, after a short calibration, time.
// And the other way: which stride, batch and precision keep within a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sclip/device.h"
#include "sclip/model_config.h"
#include "sclip/segment_options.h"

namespace sclip {

class Engine;

// How a photo's windows lie.
struct WindowLayout {
  int resized_width = 0, resized_height = 0;  // the photo as the model sees it
  int across = 0, down = 0;                   // windows
  int window_width = 0, window_height = 0;    // pixels
  int grid_w = 0, grid_h = 0;                 // patches of a window

  int windows() const { return across * down; }
  int64_t tokens() const { return 1 + int64_t{grid_w} * grid_h; }
};

// Throws kInvalidArgument for sizes and options for which there are no windows.
WindowLayout window_layout(int width, int height, const SegmentOptions& options, const ModelConfig& model);

// Multiplications and additions, each counted, of the matrix products of one window: conv1, the blocks as CLIP has
// them, the projection. What a read-out does otherwise in the last block is not looked at.
double window_flops(const WindowLayout& layout, const ModelConfig& model);

struct RunMemory {     // bytes
  double weights = 0;  // of the image tower, as it computes with them
  double windows = 0;  // activations of the forwards that run side by side; what a read-out adds is not in it
  double photo = 0;    // the resized photo, all windows' features and cosines, labels and scores

  double total() const { return weights + windows + photo; }
};

// `precision`: not kAuto. `at_once`: windows whose activations are held: batch times workers.
RunMemory run_memory(int width, int height, const WindowLayout& layout, const ModelConfig& model, int64_t queries,
                     Precision precision, int at_once);

// What was measured of one shape of window, precision and batch.
struct Calibration {
  int group = 1;                // windows that are computed together or side by side
  double group_seconds = 0;     // for all of them
  double single_seconds = 0;    // for one alone
  bool rest_one_by_one = true;  // what is left of the last group: a window after another, or one smaller forward
  double photo_seconds = 0;     // besides the windows: resizing, merging, refining
};

// Full groups, then the rest: one by one, or a forward between a single one's time and a group's.
double predicted_seconds(const Calibration& calibration, int windows);

// Measures with windows of noise: after a forward that makes plans and memory, the faster of two of a single
// one and of a group. `queries`: how many words. Without `with_photo` photo_seconds stays 0.
Calibration calibrate(std::shared_ptr<const Engine> engine, int width, int height, const SegmentOptions& options,
                      int64_t queries, bool with_photo = true);
// The windows that `options` has computed together or side by side on this engine's device.
int windows_at_once(const Engine& engine, const SegmentOptions& options);

// One way to run, and what it is predicted to take.
struct RunChoice {
  int stride = 0;
  int precision_rank = 0;  // 0: the most exact
  int batch = 0;
  int windows = 0;
  double seconds = 0;

  bool operator==(const RunChoice&) const = default;
};

// Of those that take at most `seconds`: the smallest stride, then the most exact precision, then the least time, then
// the smallest batch. None where nothing is fast enough.
std::optional<RunChoice> choose_within(std::span<const RunChoice> choices, double seconds);
// The one that takes least.
const RunChoice& fastest(std::span<const RunChoice> choices);

// Strides to choose from, ascending: the usual one, and larger ones by whole patches up to where windows no longer
// overlap, each of which saves windows.
std::vector<int> strides_to_try(int width, int height, const SegmentOptions& options, const ModelConfig& model);

}  // namespace sclip
