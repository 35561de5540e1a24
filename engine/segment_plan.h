// SegmentPlan: what a call for photos of certain sizes needs to know, under one choice of options and words: where the
// windows lie, which of them share forwards, and, on backends that record, the whole run from photos to labels.
//
// Windows of one size are one group, whichever photos they come from. A group's photos lie below each other in one
// picture, its atlas, so that a window is a corner in it. Belongs to a session, and to its thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "engine/dense_head/dense_head.h"
#include "engine/window_grid.h"
#include "kernels/patch_embed/patch_embed.h"
#include "kernels/resize_normalize/resized_size.h"
#include "kernels/window_merge/window_merge.h"
#include "sclip/image_view.h"
#include "sclip/segment_options.h"

namespace sclip {

class Engine;
class TextBank;

// What of a photo decides how it is computed. Its pixels do not.
struct PhotoKey {
  int width = 0, height = 0;  // W0, H0
  ChannelOrder order = ChannelOrder::kRgb;
  bool logits = false;  // the planes of cosines are asked for
  bool scores = true;   // and the best scores
  bool paired = false;  // it comes row by row, and only what is looked at is kept

  int64_t pixels() const { return int64_t{width} * height; }
  bool operator==(const PhotoKey&) const = default;
};

struct PhotoPlan {
  PhotoKey key;
  ImageSize size;  // H, W
  WindowGrid grid;
  int64_t grid_h = 0, grid_w = 0;     // patches of a window
  size_t group = 0;                   // into SegmentPlan::groups
  int64_t atlas_y = 0;                // its first row there
  int64_t first_window = 0;           // of the group's
  std::unique_ptr<Memory> window_xs;  // (windows across) i32
  std::unique_ptr<Memory> window_ys;  // (windows down) i32

  int64_t patches() const { return grid_h * grid_w; }
  const int32_t* xs() const { return static_cast<const int32_t*>(window_xs->data()); }
  const int32_t* ys() const { return static_cast<const int32_t*>(window_ys->data()); }
};

struct WindowGroup {
  int64_t window_width = 0, window_height = 0;  // pixels
  int64_t patches = 0;                          // h · w
  int64_t atlas_width = 0, atlas_height = 0;
  int64_t windows = 0;
  int64_t atlas_offset = 0;         // floats before its atlas in the call's
  int64_t patches_before = 0;       // of all windows of earlier groups
  std::unique_ptr<Memory> corners;  // (windows) PatchOrigin
  std::optional<PlanNeeds> needs;   // of the head, where it is known that they are asked for again
  int64_t left_floats = 0;          // that the head leaves of a window to settle labels with: mostly 0
  int64_t left_before = 0;          // of all windows of earlier groups

  const PatchOrigin* origins() const { return static_cast<const PatchOrigin*>(corners->data()); }
};

struct SegmentPlan {
  SegmentOptions options;
  uint64_t bank = 0;  // TextBank::id; 0: features only
  std::vector<PhotoPlan> photos;
  std::vector<WindowGroup> groups;
  int64_t atlas_floats = 0;  // of all groups
  int64_t patches = 0;       // of all windows
  int64_t windows = 0;
  int64_t left_floats = 0;  // of all windows

  std::shared_ptr<const DenseHead> head;  // of options.policy, for the bank's words
  std::unique_ptr<Memory> query_class;    // (K) i32
  std::unique_ptr<Recording> recording;
  uint64_t generation = 0;  // the session's at the last run without a recording; the recording is void at any other

  bool is_for(std::span<const PhotoKey> photos, const SegmentOptions& options, uint64_t bank) const;
  // Patches of all windows before the photo's first.
  int64_t patches_before(const PhotoPlan& photo) const {
    return groups[photo.group].patches_before + photo.first_window * photo.patches();
  }
};

// Lays out windows and groups. `head` decides whether windows of several photos may share forwards.
// Throws kInvalidArgument for a photo whose windows are smaller than a patch.
SegmentPlan make_segment_plan(const Backend& backend, Stream& stream, std::span<const PhotoKey> photos,
                              const SegmentOptions& options, std::shared_ptr<const DenseHead> head, int64_t patch_size);

// Where the cosines (patches of all windows, K) of one photo lie, for the merge.
WindowLogits window_logits(const SegmentPlan& plan, const PhotoPlan& photo, const float* cosines, int64_t queries);

// The dense head of options.policy for the words of `bank`, or, without one, for none.
std::shared_ptr<const DenseHead> make_head(const Engine& engine, const SegmentOptions& options, const TextBank* bank);

// A copy of `values` in backend memory; `values` may go once the stream is synchronised.
std::unique_ptr<Memory> copy_to_backend(const Backend& backend, Stream& stream, const void* values, size_t bytes);

}  // namespace sclip
