#include "engine/window_encoder.h"

#include <algorithm>

#include "core/parallel.h"

namespace sclip {
namespace {

// Photos of one folder share a crop, so that their windows have few shapes: the crop, and shorter ones.
constexpr size_t kPlans = 4;

}  // namespace

void WindowEncoder::encode(Stream& stream, const Photo& photo, const AttentionPolicy& policy, int64_t batch,
                           const Use& use) {
  if (batch == 0) batch = backend_.preferred_batch();
  const auto windows = photo.count;
  batch = std::min(batch, windows);
  const int64_t lanes = backend_.lanes();
  const int64_t side_by_side = lanes > 1 ? windows / batch / lanes * lanes : 0;  // groups of `batch` windows

  lanes_.resize(static_cast<size_t>(std::max<int64_t>(1, side_by_side > 0 ? lanes : 1)));
  parallel_for_lanes(side_by_side, static_cast<int>(lanes_.size()), [&](int index, int64_t group) {
    Lane& lane = lanes_[static_cast<size_t>(index)];
    if (lane.stream == nullptr) lane.stream = backend_.make_stream();
    run(lane, *lane.stream, photo, policy, batch, group * batch, batch, use);
  });
  for (int64_t first = side_by_side * batch; first < windows; first += batch) {
    run(lanes_[0], stream, photo, policy, batch, first, std::min(batch, windows - first), use);
  }
}

VisionPlan& WindowEncoder::plan_for(Lane& lane, const Photo& photo, int64_t batch, int64_t count) const {
  for (VisionPlan& plan : lane.plans) {
    if (plan.max_batch() >= count && plan.grid_h() == photo.grid_h && plan.grid_w() == photo.grid_w) return plan;
  }
  if (lane.plans.size() == kPlans) lane.plans.pop_front();
  ++lane.plans_made;
  return lane.plans.emplace_back(vision_.make_plan(batch, photo.grid_h, photo.grid_w));
}

void WindowEncoder::run(Lane& lane, Stream& stream, const Photo& photo, const AttentionPolicy& policy, int64_t batch,
                        int64_t first, int64_t count, const Use& use) const {
  auto* features = lane.features.get<float>(backend_, batch * photo.grid_h * photo.grid_w * vision_.embed_dim());
  vision_.encode(stream, plan_for(lane, photo, batch, count),
                 {.image = photo.image,
                  .height = photo.height,
                  .width = photo.width,
                  .windows = photo.windows + first,
                  .batch = count},
                 policy, Readout::kPatches, features);
  use(stream, first, count, features);
}

uint64_t WindowEncoder::generation() const {
  uint64_t sum = 0;
  for (const Lane& lane : lanes_) sum += lane.plans_made + lane.features.generation();
  return sum;
}

}  // namespace sclip
