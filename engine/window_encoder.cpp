#include "engine/window_encoder.h"

#include <algorithm>

namespace sclip {
namespace {

// Photos of one folder share a crop, so that their windows have few shapes: the crop, and shorter ones.
constexpr size_t kPlans = 4;

}  // namespace

void WindowEncoder::encode(Stream& stream, const Photo& photo, const DenseHead& head, int64_t batch,
                           const RunControl& control, const Use& use) {
  if (batch == 0) batch = backend_.preferred_batch();
  const auto windows = photo.count;
  batch = std::min(batch, windows);
  const int64_t workers = backend_.workers();
  const int64_t side_by_side = workers > 1 ? windows / batch / workers * workers : 0;  // groups of `batch` windows

  if (workers_.empty()) workers_.resize(static_cast<size_t>(workers));
  Job job = make_job(photo, head, batch);
  job.control = &control;
  job.windows.photo = read_photo(stream, photo, head);
  backend_.thread_pool().parallel_for_workers(side_by_side, [&](int index, int64_t group) {
    Worker& worker = workers_[static_cast<size_t>(index)];
    if (worker.stream == nullptr) worker.stream = backend_.make_stream();
    run(worker, *worker.stream, job, group * batch, batch, use);
  });
  for (int64_t first = side_by_side * batch; first < windows; first += batch) {
    run(workers_[0], stream, job, first, std::min(batch, windows - first), use);
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
  BlockRunner runner = vision_.begin(stream, plan_for(workers_[0], job, 1), job.windows);
  head.read_photo(runner, kept);
  return kept;
}

VisionPlan& WindowEncoder::plan_for(Worker& worker, const Job& job, int64_t count) const {
  VisionPlan& plan = latest_plan(worker, job, count);
  plan.use(worker.arena.get<std::byte>(backend_, static_cast<int64_t>(plan.bytes())));
  return plan;
}

VisionPlan& WindowEncoder::latest_plan(Worker& worker, const Job& job, int64_t count) const {
  const int64_t grid_h = job.windows.window_height / vision_.patch_size();
  const int64_t grid_w = job.windows.window_width / vision_.patch_size();
  for (VisionPlan& plan : worker.plans) {
    if (plan.serves(count, grid_h, grid_w, job.needs)) return plan;
  }
  if (worker.plans.size() == kPlans) worker.plans.pop_front();
  ++worker.plans_made;
  return worker.plans.emplace_back(vision_.make_plan(job.batch, grid_h, grid_w, job.needs));
}

void WindowEncoder::run(Worker& worker, Stream& stream, const Job& job, int64_t first, int64_t count,
                        const Use& use) const {
  job.control->check();
  VisionPlan& plan = plan_for(worker, job, count);
  auto* features = worker.features.get<float>(backend_, job.batch * plan.shape().patches() * vision_.embed_dim());
  WindowBatch windows = job.windows;
  windows.windows += first;
  windows.batch = count;
  BlockRunner runner = vision_.begin(stream, plan, windows);
  job.head.encode(runner, features);
  use(runner, first, features);
}

void WindowEncoder::trim() {
  workers_.clear();
  kept_.trim();
}

uint64_t WindowEncoder::generation() const {
  uint64_t sum = kept_.generation();
  for (const Worker& worker : workers_)
    sum += worker.plans_made + worker.arena.generation() + worker.features.generation();
  return sum;
}

}  // namespace sclip
