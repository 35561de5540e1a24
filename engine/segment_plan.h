// SegmentPlan: what segmenting needs to know of one size of photo under one choice of options and classes: where its
// windows lie, as arrays in backend memory, and, on backends that record, the whole run from photo to labels.
// Belongs to a session, and to its thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/backend.h"
#include "core/image_view.h"
#include "engine/dense_head/dense_head.h"
#include "engine/segment_options.h"
#include "engine/window_grid.h"
#include "kernels/patch_embed/patch_embed.h"
#include "kernels/resize_normalize/resized_size.h"

namespace sclip {

// Windows of a photo of one size.
struct PhotoPlan {
  int photo_width = 0, photo_height = 0;  // W0, H0
  ImageSize size;                         // H, W
  WindowGrid grid;
  int64_t grid_h = 0, grid_w = 0;     // patches of a window
  std::unique_ptr<Memory> origins;    // (windows) PatchOrigin
  std::unique_ptr<Memory> window_xs;  // (windows across) i32
  std::unique_ptr<Memory> window_ys;  // (windows down) i32

  const PatchOrigin* corners() const { return static_cast<const PatchOrigin*>(origins->data()); }
  const int32_t* xs() const { return static_cast<const int32_t*>(window_xs->data()); }
  const int32_t* ys() const { return static_cast<const int32_t*>(window_ys->data()); }
};

// Throws kInvalidArgument for a photo whose windows are smaller than a patch.
PhotoPlan make_photo_plan(const Backend& backend, Stream& stream, ImageView photo, const SegmentOptions& options,
                          int patch_size);

struct SegmentPlan {
  SegmentOptions options;
  uint64_t bank = 0;  // TextBank::id
  bool with_logits = false;

  PhotoPlan photo;
  std::shared_ptr<const DenseHead> head;  // of options.policy, for the bank's words
  std::unique_ptr<Memory> query_class;    // (K) i32
  std::unique_ptr<Recording> recording;
  uint64_t generation = 0;  // the session's at the last run without a recording; the recording is void at any other

  bool is_for(ImageView photo, const SegmentOptions& options, uint64_t bank, bool with_logits) const;
};

// A copy of `values` in backend memory; `values` may go once the stream is synchronised.
std::unique_ptr<Memory> copy_to_backend(const Backend& backend, Stream& stream, const void* values, size_t bytes);

}  // namespace sclip
