#include "engine/segment_plan.h"

#include <algorithm>

#include "engine/dense_head/policy.h"
#include "sclip/engine.h"
#include "sclip/error.h"
#include "sclip/text_bank.h"

namespace sclip {
namespace {

PhotoPlan plan_photo(const PhotoKey& key, const SegmentOptions& options, int patch) {
  PhotoPlan out;
  out.key = key;
  out.size = options.squash ? ImageSize{options.short_side, options.short_side}
                            : resized_size(key.height, key.width, options.short_side, options.long_limit);
  out.grid = make_window_grid(static_cast<int>(out.size.height), static_cast<int>(out.size.width), options.crop,
                              options.stride);
  out.grid_h = out.grid.grid_h(patch);
  out.grid_w = out.grid.grid_w(patch);
  SCLIP_CHECK(out.grid_h > 0 && out.grid_w > 0, kInvalidArgument, "the photo of ", key.width, "×", key.height,
              " pixels becomes ", out.size.width, "×", out.size.height, ", its windows ", out.grid.window_width, "×",
              out.grid.window_height, ": smaller than a patch of ", patch,
              " pixels; crop the photo to a less extreme shape");
  return out;
}

// The group of the photo's windows; a new one where none of their size is open.
size_t group_for(const PhotoPlan& photo, std::vector<WindowGroup>& groups, bool alone) {
  for (size_t i = 0; !alone && i < groups.size(); ++i) {
    if (groups[i].window_width == photo.grid.window_width && groups[i].window_height == photo.grid.window_height) {
      return i;
    }
  }
  groups.push_back({.window_width = photo.grid.window_width,
                    .window_height = photo.grid.window_height,
                    .patches = photo.patches(),
                    .corners = nullptr,
                    .needs = {}});
  return groups.size() - 1;
}

}  // namespace

std::shared_ptr<const DenseHead> make_head(const Engine& engine, const SegmentOptions& options, const TextBank* bank) {
  Words words;
  if (bank != nullptr) {
    words = {.similarity = &bank->similarity(), .embeddings = bank->embeddings(), .count = bank->queries()};
  }
  return find_policy(options.policy)
      .make_head(
          {.blob = engine.blob(), .backend = engine.backend(), .words = words, .temperature = options.temperature});
}

std::unique_ptr<Memory> copy_to_backend(const Backend& backend, Stream& stream, const void* values, size_t bytes) {
  auto memory = backend.allocate(bytes);
  stream.upload(memory->data(), values, bytes);
  return memory;
}

SegmentPlan make_segment_plan(const Backend& backend, Stream& stream, std::span<const PhotoKey> photos,
                              const SegmentOptions& options, std::shared_ptr<const DenseHead> head,
                              int64_t patch_size) {
  SegmentPlan plan;
  plan.options = options;
  plan.head = std::move(head);
  const bool alone = plan.head->photo_floats() > 0;  // what it keeps of a photo belongs to that photo's windows
  std::vector<std::vector<PatchOrigin>> corners;
  for (const PhotoKey& key : photos) {
    PhotoPlan photo = plan_photo(key, options, static_cast<int>(patch_size));
    photo.group = group_for(photo, plan.groups, alone);
    corners.resize(plan.groups.size());
    WindowGroup& group = plan.groups[photo.group];
    photo.atlas_y = group.atlas_height;
    photo.first_window = group.windows;
    group.atlas_height += photo.size.height;
    group.atlas_width = std::max<int64_t>(group.atlas_width, photo.size.width);
    group.windows += photo.grid.count();
    for (int i = 0; i < photo.grid.count(); ++i) {
      const Window window = photo.grid.window(i);
      corners[photo.group].push_back({window.x0, static_cast<int32_t>(window.y0 + photo.atlas_y)});
    }
    const auto copy = [&](const std::vector<int32_t>& values) {
      return copy_to_backend(backend, stream, values.data(), values.size() * sizeof(values[0]));
    };
    photo.window_xs = copy(photo.grid.xs);
    photo.window_ys = copy(photo.grid.ys);
    plan.photos.push_back(std::move(photo));
  }
  for (size_t i = 0; i < plan.groups.size(); ++i) {
    WindowGroup& group = plan.groups[i];
    group.atlas_offset = plan.atlas_floats;
    group.patches_before = plan.patches;
    group.corners = copy_to_backend(backend, stream, corners[i].data(), corners[i].size() * sizeof(PatchOrigin));
    plan.atlas_floats += 3 * group.atlas_width * group.atlas_height;
    plan.patches += group.windows * group.patches;
    plan.windows += group.windows;
  }
  stream.synchronize();
  return plan;
}

WindowLogits window_logits(const SegmentPlan& plan, const PhotoPlan& photo, const float* cosines, int64_t queries) {
  return {.logits = cosines + plan.patches_before(photo) * queries,
          .window_x = photo.xs(),
          .window_y = photo.ys(),
          .windows_x = static_cast<int64_t>(photo.grid.xs.size()),
          .windows_y = static_cast<int64_t>(photo.grid.ys.size()),
          .window_width = photo.grid.window_width,
          .window_height = photo.grid.window_height,
          .grid_h = photo.grid_h,
          .grid_w = photo.grid_w,
          .queries = queries,
          .resized_width = photo.size.width,
          .resized_height = photo.size.height,
          .photo_width = photo.key.width,
          .photo_height = photo.key.height};
}

bool SegmentPlan::is_for(std::span<const PhotoKey> keys, const SegmentOptions& o, uint64_t bank_id) const {
  return bank == bank_id && options == o &&
         std::equal(photos.begin(), photos.end(), keys.begin(), keys.end(),
                    [](const PhotoPlan& photo, const PhotoKey& key) { return photo.key == key; });
}

}  // namespace sclip
