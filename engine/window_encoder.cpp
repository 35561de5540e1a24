#include "engine/window_encoder.h"

#include <algorithm>

#include "core/parallel.h"

namespace sclip {
namespace {

// Photos of one folder share a crop, so that their windows have few shapes: the crop, and shorter ones.
constexpr size_t kPlans = 4;

}  // namespace

void WindowEncoder::encode(Stream& stream, const Photo& photo, const DenseHead& head, int64_t batch, const Use& use) {
  if (batch == 0) batch = backend_.preferred_batch();
  const auto windows = photo.count;
  batch = std::min(batch, windows);
  const int64_t lanes = backend_.lanes();
  const int64_t side_by_side = lanes > 1 ? windows / batch / lanes * lanes : 0;  // groups of `batch` windows

  lanes_.resize(static_cast<size_t>(std::max<int64_t>(1, side_by_side > 0 ? lanes : 1)));
  Job job = make_job(photo, head, batch);
  job.windows.photo = read_photo(stream, photo, head);
  parallel_for_lanes(side_by_side, static_cast<int>(lanes_.size()), [&](int index, int64_t group) {
    Lane& lane = lanes_[static_cast<size_t>(index)];
    if (lane.stream == nullptr) lane.stream = backend_.make_stream();
    run(lane, *lane.stream, job, group * batch, batch, use);
  });
  for (int64_t first = side_by_side * batch; first < windows; first += batch) {
    run(lanes_[0], stream, job, first, std::min(batch, windows - first), use);
  }
}

WindowEncoder::Job WindowEncoder::make_job(const Photo& photo, const DenseHead& head, int64_t batch) const {
  const int64_t patch = vision_.patch_size();
  return {.head = head,
          .windows = {.image = photo.image,
                      .height = photo.height,
                      .width = photo.width,
                      .windows = photo.windows,
                      .batch = photo.count,
                      .window_height = photo.window_height,
                      .window_width = photo.window_width},
          .needs = head.needs(vision_.window_shape(photo.window_height / patch, photo.window_width / patch)),
          .batch = batch};
}

const float* WindowEncoder::read_photo(Stream& stream, const Photo& photo, const DenseHead& head) {
  const int64_t floats = head.photo_floats();
  if (floats == 0) return nullptr;
  if (corner_ == nullptr) {
    const PatchOrigin corner{};
    corner_ = backend_.allocate(sizeof(corner));
    stream.upload(corner_->data(), &corner, sizeof(corner));
    stream.synchronize();
  }
  const Job job = make_job({.image = photo.image,
                            .height = photo.height,
                            .width = photo.width,
                            .windows = static_cast<const PatchOrigin*>(corner_->data()),
                            .count = 1,
                            .window_height = photo.height,
                            .window_width = photo.width},
                           head, 1);
  auto* kept = kept_.get<float>(backend_, floats);
  BlockRunner runner = vision_.begin(stream, plan_for(lanes_[0], job, 1), job.windows);
  head.read_photo(runner, kept);
  return kept;
}

VisionPlan& WindowEncoder::plan_for(Lane& lane, const Job& job, int64_t count) const {
  const int64_t grid_h = job.windows.window_height / vision_.patch_size();
  const int64_t grid_w = job.windows.window_width / vision_.patch_size();
  for (VisionPlan& plan : lane.plans) {
    if (plan.serves(count, grid_h, grid_w, job.needs)) return plan;
  }
  if (lane.plans.size() == kPlans) lane.plans.pop_front();
  ++lane.plans_made;
  return lane.plans.emplace_back(vision_.make_plan(job.batch, grid_h, grid_w, job.needs));
}

void WindowEncoder::run(Lane& lane, Stream& stream, const Job& job, int64_t first, int64_t count,
                        const Use& use) const {
  VisionPlan& plan = plan_for(lane, job, count);
  auto* features = lane.features.get<float>(backend_, job.batch * plan.shape().patches() * vision_.embed_dim());
  WindowBatch windows = job.windows;
  windows.windows += first;
  windows.batch = count;
  BlockRunner runner = vision_.begin(stream, plan, windows);
  job.head.encode(runner, features);
  use(runner, first, features);
}

uint64_t WindowEncoder::generation() const {
  uint64_t sum = kept_.generation();
  for (const Lane& lane : lanes_) sum += lane.plans_made + lane.features.generation();
  return sum;
}

}  // namespace sclip
