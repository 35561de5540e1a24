#include "engine/segment_plan.h"

#include "core/error.h"

namespace sclip {

std::unique_ptr<Memory> copy_to_backend(const Backend& backend, Stream& stream, const void* values, size_t bytes) {
  auto memory = backend.allocate(bytes);
  stream.upload(memory->data(), values, bytes);
  return memory;
}

PhotoPlan make_photo_plan(const Backend& backend, Stream& stream, ImageView photo, const SegmentOptions& options,
                          int patch) {
  PhotoPlan out;
  out.photo_width = photo.width;
  out.photo_height = photo.height;
  out.size = resized_size(photo.height, photo.width, options.short_side, options.long_limit);
  out.grid = make_window_grid(static_cast<int>(out.size.height), static_cast<int>(out.size.width), options.crop,
                              options.stride);
  out.grid_h = out.grid.grid_h(patch);
  out.grid_w = out.grid.grid_w(patch);
  SCLIP_CHECK(out.grid_h > 0 && out.grid_w > 0, kInvalidArgument, "the photo of ", photo.width, "×", photo.height,
              " pixels becomes ", out.size.width, "×", out.size.height, ", its windows ", out.grid.window_width, "×",
              out.grid.window_height, ": smaller than a patch of ", patch,
              " pixels; crop the photo to a less extreme shape");
  std::vector<PatchOrigin> corners;
  for (int i = 0; i < out.grid.count(); ++i) {
    const Window window = out.grid.window(i);
    corners.push_back({window.x0, window.y0});
  }
  const auto copy = [&](const auto& values) {
    return copy_to_backend(backend, stream, values.data(), values.size() * sizeof(values[0]));
  };
  out.origins = copy(corners);
  out.window_xs = copy(out.grid.xs);
  out.window_ys = copy(out.grid.ys);
  stream.synchronize();
  return out;
}

bool SegmentPlan::is_for(ImageView view, const SegmentOptions& o, uint64_t bank_id, bool logits) const {
  return photo.photo_width == view.width && photo.photo_height == view.height && order == view.order &&
         bank == bank_id && with_logits == logits && options == o;
}

}  // namespace sclip
