#include "engine/refined_labels.h"

#include <algorithm>

#include "kernels/pamr/pamr.h"

namespace sclip {
namespace {

// For the weights and planes: 12 megapixels take 0.8 GB of weights, and three planes beside them.
constexpr size_t kBytes = size_t{1} << 30;

}  // namespace

void RefinedLabels::run(const Backend& backend, Stream& stream, const Photo& photo, const Refinement& refine,
                        const RunControl& control) {
  const WindowLogits& windows = photo.windows;
  const int64_t height = windows.photo_height, width = windows.photo_width, pixels = height * width;
  const int64_t queries = windows.queries;
  auto* weights = weights_.get<float>(backend, pamr_neighbours(refine.dilations) * pixels);
  stream.pamr_weights({.image = photo.guide,
                       .image_height = windows.resized_height,
                       .image_width = windows.resized_width,
                       .height = height,
                       .width = width,
                       .dilations = refine.dilations,
                       .weights = weights});

  const int64_t at_once = pamr_group(height, width, refine.dilations, queries, kBytes);
  float* some = photo.full_logits == nullptr ? planes_.get<float>(backend, at_once * pixels) : nullptr;
  const size_t state_bytes = label_state_bytes(height, width, photo.rule.classes);
  LabelPlanesParams labels{.rule = photo.rule,
                           .height = height,
                           .width = width,
                           .state = state_.get<std::byte>(backend, static_cast<int64_t>(state_bytes)),
                           .out = photo.out};
  const auto add_all = [&](LabelStep step) {
    for (int64_t first = 0; first < queries; first += at_once) {
      control.check();
      const int64_t count = std::min(at_once, queries - first);
      float* planes = some != nullptr ? some : photo.full_logits + first * pixels;
      stream.window_planes({.windows = windows, .first_query = first, .count = count, .planes = planes});
      stream.pamr({.weights = weights,
                   .height = height,
                   .width = width,
                   .dilations = refine.dilations,
                   .planes = planes,
                   .count = count,
                   .iterations = refine.iterations});
      labels.step = step;
      labels.planes = planes;
      labels.first_query = first;
      labels.count = count;
      stream.label_planes(labels);
    }
  };
  add_all(LabelStep::kAdd);
  labels.step = LabelStep::kFinish;
  stream.label_planes(labels);
  if (!photo.rule.area_threshold) return;
  LabelStateHead head;
  stream.download(&head, labels.state, sizeof(head));
  stream.synchronize();
  if (head.removed_pixels == 0) return;
  add_all(LabelStep::kAddKept);
  labels.step = LabelStep::kFinishKept;
  stream.label_planes(labels);
}

void RefinedLabels::trim() {
  for (GrowingMemory* memory : {&weights_, &planes_, &state_}) memory->trim();
}

}  // namespace sclip
