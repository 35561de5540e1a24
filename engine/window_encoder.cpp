#include "engine/window_encoder.h"

#include <algorithm>
#include <charconv>

#include "core/stopwatch.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// What tuning tries. Larger ones gain nothing: every product fills the largest devices by then.
constexpr int64_t kBatches[] = {8, 16, 24, 32, 48, 64, 96, 128, 192, 256};

// Photos of one folder share a crop, so that their windows have few shapes: the crop, and shorter ones.
constexpr size_t kPlans = 4;

}  // namespace

void WindowEncoder::encode(Stream& stream, const Photo& photo, const DenseHead& head, int64_t batch,
                           const RunControl& control, const Use& use) {
  const PlanNeeds own = photo.needs == nullptr ? needs_of(photo, head) : PlanNeeds{};
  const PlanNeeds& needs = photo.needs == nullptr ? own : *photo.needs;
  if (batch == 0) batch = usual_batch(stream, photo, head, needs);
  const auto windows = photo.count;
  batch = std::min(batch, windows);
  const int64_t workers = backend_.workers();
  const int64_t side_by_side = workers > 1 ? windows / batch / workers * workers : 0;  // groups of `batch` windows

  if (workers_.empty()) workers_.resize(static_cast<size_t>(workers));
  Job job = make_job(photo, head, needs, batch);
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

int64_t WindowEncoder::usual_batch(Stream& stream, const Photo& photo, const DenseHead& head,
                                   const PlanNeeds& needs) const {
  const int64_t preferred = backend_.preferred_batch();
  TunedChoices* const tuned = backend_.tuned();
  if (tuned == nullptr) return preferred;
  const std::string what =
      str("windows in a forward (µs a window), ", photo.window_width, "×", photo.window_height, " pixels");
  // Heads differ in what they keep; that tells apart those whose time does.
  const WindowShape shape =
      vision_.window_shape(photo.window_height / vision_.patch_size(), photo.window_width / vision_.patch_size());
  int64_t kept = 0;
  for (const BufferNeed& need : needs.buffers) kept += need.window_bytes;
  const std::string key = str(what, ", ", shape.tokens, " tokens of ", shape.width, ", ", vision_.blocks(), " blocks, ",
                              to_string(shape.activation), ", the head keeps ", kept, " bytes");
  int64_t known = 0;
  if (const auto found = tuned->find(key)) std::from_chars(found->data(), found->data() + found->size(), known);
  if (known > 0) return known;

  std::vector<int64_t> batches{preferred};
  for (const int64_t batch : kBatches) {
    if (batch != preferred) batches.push_back(batch);
  }
  std::vector<TunedChoices::Measured> measured;
  for (const int64_t batch : batches) {
    try {
      measured.push_back({std::to_string(batch), str(batch), microseconds_a_window(stream, photo, head, batch)});
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kOutOfMemory || measured.empty()) throw;
      break;  // the larger ones do not fit either
    }
  }
  return batches[tuned->choose(key, what, measured)];
}

// On windows that are all alike: what they show does not change the time, as long as it is not all zeros.
double WindowEncoder::microseconds_a_window(Stream& stream, const Photo& photo, const DenseHead& head,
                                            int64_t batch) const {
  std::vector<float> pixels(static_cast<size_t>(3 * photo.window_height * photo.window_width));
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 2654435761u % 4096) / 1024 - 2;
  const std::vector<PatchOrigin> origins(static_cast<size_t>(batch));
  const auto image = backend_.allocate(pixels.size() * sizeof(float));
  const auto windows = backend_.allocate(origins.size() * sizeof(PatchOrigin));
  stream.upload(image->data(), pixels.data(), pixels.size() * sizeof(float));
  stream.upload(windows->data(), origins.data(), origins.size() * sizeof(PatchOrigin));

  WindowEncoder encoder(vision_, backend_);
  const auto seconds = [&] {
    stream.synchronize();
    Stopwatch watch;
    encoder.encode(stream,
                   {.image = static_cast<const float*>(image->data()),
                    .height = photo.window_height,
                    .width = photo.window_width,
                    .windows = static_cast<const PatchOrigin*>(windows->data()),
                    .count = batch,
                    .window_height = photo.window_height,
                    .window_width = photo.window_width},
                   head, batch, {}, [](BlockRunner&, int64_t, const float*) {});
    stream.synchronize();
    return watch.lap();
  };
  seconds();  // makes plans and memory
  return 1e6 * std::min({seconds(), seconds(), seconds()}) / static_cast<double>(batch);
}

PlanNeeds WindowEncoder::needs_of(const Photo& photo, const DenseHead& head) const {
  const int64_t patch = vision_.patch_size();
  return head.needs(vision_.window_shape(photo.window_height / patch, photo.window_width / patch));
}

WindowEncoder::Job WindowEncoder::make_job(const Photo& photo, const DenseHead& head, const PlanNeeds& needs,
                                           int64_t batch) const {
  return {.head = head,
          .windows = {.image = photo.image,
                      .height = photo.height,
                      .width = photo.width,
                      .windows = photo.windows,
                      .batch = photo.count,
                      .window_height = photo.window_height,
                      .window_width = photo.window_width},
          .needs = needs,
          .batch = batch};
}

const float* WindowEncoder::read_photo(Stream& stream, const Photo& photo, const DenseHead& head) {
  const bool is_the_window =
      photo.count == 1 && photo.window_height == photo.height && photo.window_width == photo.width;
  if (!head.reads_photo(is_the_window)) return nullptr;
  const int64_t floats = head.photo_floats();
  if (corner_ == nullptr) {
    const PatchOrigin corner{};
    corner_ = backend_.allocate(sizeof(corner));
    stream.upload(corner_->data(), &corner, sizeof(corner));
    stream.synchronize();
  }
  const Photo whole{.image = photo.image,
                    .height = photo.height,
                    .width = photo.width,
                    .windows = static_cast<const PatchOrigin*>(corner_->data()),
                    .count = 1,
                    .window_height = photo.height,
                    .window_width = photo.width};
  const PlanNeeds needs = needs_of(whole, head);
  const Job job = make_job(whole, head, needs, 1);
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
