#include "engine/window_encoder.h"

#include <algorithm>

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
  const int64_t workers = backend_.workers();
  const int64_t side_by_side = workers > 1 ? windows / batch / workers * workers : 0;  // groups of `batch` windows

  if (workers_.empty()) workers_.resize(static_cast<size_t>(workers));
  backend_.thread_pool().parallel_for_workers(side_by_side, [&](int index, int64_t group) {
    Worker& worker = workers_[static_cast<size_t>(index)];
    if (worker.stream == nullptr) worker.stream = backend_.make_stream();
    run(worker, *worker.stream, photo, policy, batch, group * batch, batch, use);
  });
  for (int64_t first = side_by_side * batch; first < windows; first += batch) {
    run(workers_[0], stream, photo, policy, batch, first, std::min(batch, windows - first), use);
  }
}

VisionPlan& WindowEncoder::plan_for(Worker& worker, const Photo& photo, int64_t batch, int64_t count) const {
  for (VisionPlan& plan : worker.plans) {
    if (plan.max_batch() >= count && plan.grid_h() == photo.grid_h && plan.grid_w() == photo.grid_w) return plan;
  }
  if (worker.plans.size() == kPlans) worker.plans.pop_front();
  ++worker.plans_made;
  return worker.plans.emplace_back(vision_.make_plan(batch, photo.grid_h, photo.grid_w));
}

void WindowEncoder::run(Worker& worker, Stream& stream, const Photo& photo, const AttentionPolicy& policy,
                        int64_t batch, int64_t first, int64_t count, const Use& use) const {
  auto* features = worker.features.get<float>(backend_, batch * photo.grid_h * photo.grid_w * vision_.embed_dim());
  vision_.encode(stream, plan_for(worker, photo, batch, count),
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
  for (const Worker& worker : workers_) sum += worker.plans_made + worker.features.generation();
  return sum;
}

}  // namespace sclip
