#include "engine/refined_labels.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/thread_pool.h"
#include "kernels/pamr/pamr.h"
#include "kernels/propagate_labels/propagate_labels.h"

namespace sclip {
namespace {

// For the weights and planes: 12 megapixels take 0.8 GB of weights, and three planes beside them.
constexpr size_t kBytes = size_t{1} << 30;

// How sure PEARL is of each query: the diagonal of softmax(cosines / 0.5) + 10 I, divided by its row's sum + 1e-6.
std::vector<double> certainty_of(const TextBank& bank, ThreadPool& pool) {
  const int64_t queries = bank.queries(), dim = static_cast<int64_t>(bank.embeddings().size()) / queries;
  const float* words = bank.embeddings().data();
  const auto dot = [&](int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t c = 0; c < dim; ++c) {
      sum += static_cast<double>(words[i * dim + c]) * static_cast<double>(words[j * dim + c]);
    }
    return sum;
  };
  std::vector<double> length(static_cast<size_t>(queries)), out(length.size());
  pool.parallel_for(queries, [&](int64_t i) { length[static_cast<size_t>(i)] = std::sqrt(dot(i, i)); });
  pool.parallel_for(queries, [&](int64_t i) {
    const auto cosine = [&](int64_t j) {
      return dot(i, j) / std::max(length[static_cast<size_t>(i)] * length[static_cast<size_t>(j)], 1e-12);
    };
    const double own = cosine(i);
    double sum = 0;
    for (int64_t j = 0; j < queries; ++j) sum += std::exp((cosine(j) - own) / 0.5);
    out[static_cast<size_t>(i)] = (1 / sum + 10) / (11 + 1e-6);
  });
  return out;
}

}  // namespace

void RefinedLabels::run(const Backend& backend, Stream& stream, const Photo& photo, const Refinement& refine,
                        const RunControl& control) {
  refine.kind == Refinement::kPearl ? propagate(backend, stream, photo, refine, control)
                                    : smooth(backend, stream, photo, refine, control);
}

void RefinedLabels::label(const Backend& backend, Stream& stream, const Photo& photo, int64_t at_once,
                          const RunControl& control, const MakePlanes& make) {
  const int64_t height = photo.windows.photo_height, width = photo.windows.photo_width, pixels = height * width;
  const int64_t queries = photo.windows.queries;
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
      make(first, count, planes);
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

void RefinedLabels::smooth(const Backend& backend, Stream& stream, const Photo& photo, const Refinement& refine,
                           const RunControl& control) {
  const WindowLogits& windows = photo.windows;
  const int64_t height = windows.photo_height, width = windows.photo_width;
  auto* weights = weights_.get<float>(backend, pamr_neighbours(refine.dilations) * height * width);
  stream.pamr_weights({.image = photo.guide,
                       .image_height = windows.resized_height,
                       .image_width = windows.resized_width,
                       .height = height,
                       .width = width,
                       .dilations = refine.dilations,
                       .weights = weights});
  label(backend, stream, photo, pamr_group(height, width, refine.dilations, windows.queries, kBytes), control,
        [&](int64_t first, int64_t count, float* planes) {
          stream.window_planes({.windows = windows, .first_query = first, .count = count, .planes = planes});
          stream.pamr({.weights = weights,
                       .height = height,
                       .width = width,
                       .dilations = refine.dilations,
                       .planes = planes,
                       .count = count,
                       .iterations = refine.iterations});
        });
}

void RefinedLabels::propagate(const Backend& backend, Stream& stream, const Photo& photo, const Refinement& refine,
                              const RunControl& control) {
  const WindowLogits& windows = photo.windows;
  const int64_t pixels = windows.photo_height * windows.photo_width, queries = windows.queries;
  if (certainty_ == nullptr || certain_bank_ != photo.bank->id()) {
    const std::vector<double> certainty = certainty_of(*photo.bank, backend.thread_pool());
    certainty_ = backend.allocate(certainty.size() * sizeof(double));
    stream.upload(certainty_->data(), certainty.data(), certainty.size() * sizeof(double));
    certain_bank_ = photo.bank->id();
  }
  const size_t bytes = propagation_bytes(windows.photo_height, windows.photo_width, queries, refine.cells);
  PropagateLabelsParams p{.height = windows.photo_height,
                          .width = windows.photo_width,
                          .queries = queries,
                          .cells = refine.cells,
                          .state = propagation_.get<std::byte>(backend, static_cast<int64_t>(bytes)),
                          .image = photo.guide,
                          .image_height = windows.resized_height,
                          .image_width = windows.resized_width,
                          .certainty = static_cast<const double*>(certainty_->data())};
  const auto step = [&](PropagationStep next) {
    p.step = next;
    stream.propagate_labels(p);
  };
  step(PropagationStep::kGuide);

  const int64_t most = std::clamp<int64_t>(static_cast<int64_t>(kBytes / sizeof(float)) / pixels, 1, queries);
  const int64_t calls = (queries + most - 1) / most, at_once = (queries + calls - 1) / calls;
  for (p.first_query = 0; p.first_query < queries; p.first_query += at_once) {
    control.check();
    p.count = std::min(at_once, queries - p.first_query);
    p.planes = photo.full_logits != nullptr ? photo.full_logits + p.first_query * pixels
                                            : planes_.get<float>(backend, at_once * pixels);
    stream.window_planes({.windows = windows, .first_query = p.first_query, .count = p.count, .planes = p.planes});
    step(PropagationStep::kPool);
  }
  step(PropagationStep::kSystem);
  for (p.iteration = 0; p.iteration < refine.iterations; ++p.iteration) {
    control.check();
    step(PropagationStep::kIterate);
  }
  label(backend, stream, photo, at_once, control, [&](int64_t first, int64_t count, float* planes) {
    p.first_query = first;
    p.count = count;
    p.planes = planes;
    step(PropagationStep::kPlanes);
  });
}

void RefinedLabels::trim() {
  for (GrowingMemory* memory : {&weights_, &planes_, &state_, &propagation_}) memory->trim();
  certainty_.reset();
}

}  // namespace sclip
