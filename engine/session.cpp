#include "engine/session.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <optional>

#include "core/error.h"
#include "core/stopwatch.h"
#include "engine/dense_head/policy.h"
#include "engine/growing_memory.h"
#include "engine/segment_plan.h"
#include "engine/text_encoder.h"
#include "engine/vision_encoder.h"
#include "engine/window_encoder.h"
#include "kernels/resize_bicubic/resize_bicubic.h"
#include "kernels/resize_normalize/resize_normalize.h"
#include "kernels/window_merge/merge_fault.h"
#include "kernels/window_merge/window_merge.h"

namespace sclip {
namespace {

void check(const SegmentOptions& o) {
  SCLIP_CHECK(o.short_side > 0 && o.long_limit > 0, kInvalidArgument, "short side ", o.short_side, " and long limit ",
              o.long_limit, " must be positive");
  SCLIP_CHECK(o.window_batch >= 0, kInvalidArgument, "window batch ", o.window_batch, " must not be negative");
  SCLIP_CHECK(std::isfinite(o.logit_scale) && o.logit_scale > 0, kInvalidArgument, "logit scale ", o.logit_scale,
              " must be positive");
  SCLIP_CHECK(o.prob_thd >= 0 && o.prob_thd <= 1, kInvalidArgument, "probability threshold ", o.prob_thd,
              " must lie in 0…1");
  SCLIP_CHECK(!o.area_thd || (*o.area_thd >= 0 && *o.area_thd <= 1), kInvalidArgument, "area threshold ",
              o.area_thd.value_or(0), " must lie in 0…1");
  check(o.refine);
  SCLIP_CHECK(o.refine.kind == Refinement::kNone, kUnsupported, "a session cannot refine planes by PAMR");
}

}  // namespace

struct Session::State {
  std::shared_ptr<const Engine> engine;
  std::unique_ptr<Stream> stream;
  std::optional<WindowEncoder> windows;
  std::shared_ptr<const DenseHead> head;  // the latest
  std::string head_policy;
  uint64_t head_bank = 0;
  std::optional<VisionPlan> whole;  // for the class token of a whole picture
  std::deque<SegmentPlan> plans;    // the latest kPlans
  GrowingMemory photo, image, origin, features, logits, labels, scores, statistics, full_logits, fault;
  GrowingMemory staged_photo, staged_results;

  static constexpr size_t kPlans = 8;

  const Backend& backend() const { return engine->backend(); }

  // The photo in backend memory.
  ImageView upload(const ImageView& view) {
    if (backend().is_host()) return view;
    const int64_t bytes = view.packed_bytes();
    auto* host = staged_photo.get_host<uint8_t>(backend(), bytes);
    pack_rows(view, host);
    auto* device = photo.get<uint8_t>(backend(), bytes);
    stream->upload(device, host, static_cast<size_t>(bytes));
    return view.packed_at(device);
  }

  // Resizes and normalises into `image`.
  const float* resize(const ImageView& view, const PhotoPlan& plan) {
    const PreprocessConfig& preprocess = engine->config().preprocess;
    auto* planes = image.get<float>(backend(), 3 * plan.size.height * plan.size.width);
    stream->resize_normalize({.src = view,
                              .dst = planes,
                              .dst_height = plan.size.height,
                              .dst_width = plan.size.width,
                              .mean = preprocess.mean,
                              .std = preprocess.std});
    return planes;
  }

  void encode(const float* planes, const PhotoPlan& plan, const DenseHead& dense_head, int window_batch,
              const WindowEncoder::Use& use) {
    if (!windows) windows.emplace(engine->vision(), backend());
    windows->encode(*stream,
                    {.image = planes,
                     .height = plan.size.height,
                     .width = plan.size.width,
                     .windows = plan.corners(),
                     .count = plan.grid.count(),
                     .window_height = plan.grid.window_height,
                     .window_width = plan.grid.window_width},
                    dense_head, window_batch, use);
  }

  // The policy's dense head, for the words of `bank` or, without one, for none. The latest is kept: photos of many
  // sizes share it.
  std::shared_ptr<const DenseHead> head_for(const std::string& policy, const TextBank* bank) {
    const uint64_t bank_id = bank != nullptr ? bank->id() : 0;
    if (head == nullptr || head_policy != policy || head_bank != bank_id) {
      Words words;
      if (bank != nullptr) {
        words = {.similarity = &bank->similarity(), .embeddings = bank->embeddings(), .count = bank->queries()};
      }
      head = find_policy(policy).make_head({.blob = engine->blob(), .backend = backend(), .words = words});
      head_policy = policy;
      head_bank = bank_id;
    }
    return head;
  }

  SegmentPlan& plan_for(ImageView view, const SegmentOptions& options, const TextBank& bank, bool with_logits) {
    for (SegmentPlan& plan : plans) {
      if (plan.is_for(view, options, bank.id(), with_logits)) return plan;
    }
    SegmentPlan plan;
    plan.order = view.order;
    plan.options = options;
    plan.bank = bank.id();
    plan.with_logits = with_logits;
    plan.head = head_for(options.policy, &bank);
    plan.photo = make_photo_plan(backend(), *stream, view, options, engine->config().vision.patch_size);
    plan.query_class = copy_to_backend(backend(), *stream, bank.classes().query_class().data(),
                                       bank.classes().query_class().size() * sizeof(int32_t));
    if (plans.size() == kPlans) plans.pop_front();
    return plans.emplace_back(std::move(plan));
  }

  // Changes when memory moved that a recording may refer to.
  uint64_t generation() const {
    uint64_t sum = stream->generation() + (windows ? windows->generation() : 0);
    for (const GrowingMemory* memory : {&photo, &image, &logits, &labels, &scores, &statistics, &full_logits, &fault}) {
      sum += memory->generation();
    }
    return sum;
  }

  // Where the results of a segmentation are written to, in backend memory.
  struct Results {
    uint16_t* labels = nullptr;
    float* scores = nullptr;
    MergeStatistics* statistics = nullptr;
    float* full_logits = nullptr;
    MergeFault* fault = nullptr;
  };

  static WindowMergeParams merge_params(const SegmentPlan& plan, const TextBank& bank, const float* cosines,
                                        const Results& results) {
    const PhotoPlan& p = plan.photo;
    return {.logits = cosines,
            .window_x = p.xs(),
            .window_y = p.ys(),
            .windows_x = static_cast<int64_t>(p.grid.xs.size()),
            .windows_y = static_cast<int64_t>(p.grid.ys.size()),
            .window_width = p.grid.window_width,
            .window_height = p.grid.window_height,
            .grid_h = p.grid_h,
            .grid_w = p.grid_w,
            .queries = bank.queries(),
            .classes = static_cast<int64_t>(bank.classes().class_names().size()),
            .query_class = static_cast<const int32_t*>(plan.query_class->data()),
            .logit_scale = plan.options.logit_scale,
            .prob_threshold = plan.options.prob_thd,
            .area_threshold = plan.options.area_thd,
            .resized_width = p.size.width,
            .resized_height = p.size.height,
            .photo_width = p.photo_width,
            .photo_height = p.photo_height,
            .labels = results.labels,
            .label_dtype = DType::kU16,
            .scores = results.scores,
            .statistics = results.statistics,
            .full_logits = results.full_logits,
            .fault = results.fault};
  }

  // Photo in backend memory → results. `watch` fills `times` stage by stage; without it nothing waits for the device.
  void run(const ImageView& view, const SegmentPlan& plan, const TextBank& bank, const Results& results,
           Stopwatch* watch, StageTimes* times) {
    const PhotoPlan& p = plan.photo;
    const int64_t queries = bank.queries();
    const int64_t patches = p.grid_h * p.grid_w;
    const auto lap = [&](double StageTimes::*stage) {
      if (watch == nullptr) return;
      stream->synchronize();
      times->*stage = watch->lap();
    };
    const float* planes = resize(view, p);
    lap(&StageTimes::resize);
    auto* cosines = logits.get<float>(backend(), p.grid.count() * patches * queries);
    encode(planes, p, *plan.head, plan.options.window_batch,
           [&](BlockRunner& runner, int64_t first, const float* window_features) {
             plan.head->score(runner, window_features, cosines + first * patches * queries);
           });
    lap(&StageTimes::encode);
    stream->window_merge(merge_params(plan, bank, cosines, results));
    lap(&StageTimes::merge);
  }

  // The same by a recording. Every workspace is there: the plan has run, and no memory has moved since.
  void run_recorded(const ImageView& view, SegmentPlan& plan, const TextBank& bank, const Results& results) {
    if (plan.recording == nullptr) {
      stream->begin_recording();
      try {
        run(view, plan, bank, results, nullptr, nullptr);
        plan.recording = stream->end_recording();
      } catch (...) {
        stream->abandon_recording();
        throw;
      }
    }
    stream->replay(*plan.recording);
  }
};

Session::Session(std::shared_ptr<const Engine> engine) : state_(std::make_unique<State>()) {
  state_->engine = std::move(engine);
  state_->stream = state_->engine->backend().make_stream();
}

Session::~Session() = default;

Segmentation Session::segment(ImageView photo, const TextBank& bank, const SegmentOptions& options,
                              LogitsSink logits_sink) {
  check_image(photo, "the photo");
  check(options);
  State& s = *state_;
  Stream& stream = *s.stream;
  const Backend& backend = s.backend();
  const auto classes = static_cast<int64_t>(bank.classes().class_names().size());
  const int64_t pixels = int64_t{photo.width} * photo.height;

  Segmentation out;
  out.width = photo.width;
  out.height = photo.height;
  out.labels.resize(static_cast<size_t>(pixels));
  out.scores.resize(static_cast<size_t>(pixels));
  std::vector<MergeStatistics> statistics(static_cast<size_t>(classes));
  const int64_t logits_count = logits_sink.data != nullptr ? bank.queries() * pixels : 0;

  Stopwatch watch;
  SegmentPlan& plan = s.plan_for(photo, options, bank, logits_sink.data != nullptr);
  out.windows = plan.photo.grid.count();
  const ImageView view = s.upload(photo);
  if (backend.is_host()) {
    s.run(view, plan, bank, {out.labels.data(), out.scores.data(), statistics.data(), logits_sink.data}, &watch,
          &out.times);
  } else {
    const State::Results results{
        .labels = s.labels.get<uint16_t>(backend, pixels),
        .scores = s.scores.get<float>(backend, pixels),
        .statistics = s.statistics.get<MergeStatistics>(backend, classes),
        .full_logits = logits_count > 0 ? s.full_logits.get<float>(backend, logits_count) : nullptr,
        .fault = s.fault.get<MergeFault>(backend, 1)};
    // Recorded at the second run: a single photo would not earn a recording back.
    if (options.record && stream.can_record() && plan.generation == s.generation()) {
      s.run_recorded(view, plan, bank, results);
    } else {
      plan.recording.reset();
      s.run(view, plan, bank, results, &watch, &out.times);
      plan.generation = s.generation();
    }
    const size_t label_bytes = out.labels.size() * sizeof(uint16_t), score_bytes = out.scores.size() * sizeof(float);
    auto* staged = s.staged_results.get_host<std::byte>(backend, static_cast<int64_t>(label_bytes + score_bytes));
    stream.download(staged, results.scores, score_bytes);
    stream.download(staged + score_bytes, results.labels, label_bytes);
    stream.download(statistics.data(), results.statistics, statistics.size() * sizeof(MergeStatistics));
    MergeFault fault;
    stream.download(&fault, results.fault, sizeof(fault));
    if (logits_count > 0) {
      stream.download(logits_sink.data, results.full_logits, static_cast<size_t>(logits_count) * sizeof(float));
    }
    stream.synchronize();
    check_merge_fault(State::merge_params(plan, bank, nullptr, results), fault);
    std::memcpy(out.scores.data(), staged, score_bytes);
    std::memcpy(out.labels.data(), staged + score_bytes, label_bytes);
    // A recorded run is not divided into stages: its whole time counts as encoding.
    (out.times.encode > 0 ? out.times.merge : out.times.encode) += watch.lap();
  }
  for (const MergeStatistics& c : statistics) {
    out.classes.push_back({.pixels = c.pixels,
                           .mean_score = c.pixels > 0 ? c.score_sum / static_cast<double>(c.pixels) : 0.0,
                           .max_score = c.max_score});
  }
  return out;
}

std::vector<float> Session::embed_image(ImageView photo) {
  check_image(photo, "the photo");
  State& s = *state_;
  const ModelConfig& config = s.engine->config();
  const int64_t side = config.vision.image_size;
  auto* planes = s.image.get<float>(s.backend(), 3 * side * side);
  s.stream->resize_bicubic({.src = s.upload(photo),
                            .dst = planes,
                            .size = side,
                            .mean = config.preprocess.mean,
                            .std = config.preprocess.std});
  if (!s.whole) s.whole = s.engine->vision().make_plan(1, config.vision.grid(), config.vision.grid());
  auto* features = s.features.get<float>(s.backend(), config.embed_dim);
  const PatchOrigin whole{};
  auto* origin = s.origin.get<PatchOrigin>(s.backend(), 1);
  s.stream->upload(origin, &whole, sizeof(whole));
  s.engine->vision().embed(*s.stream, *s.whole,
                           {.image = planes,
                            .height = side,
                            .width = side,
                            .windows = origin,
                            .batch = 1,
                            .window_height = side,
                            .window_width = side},
                           features);
  std::vector<float> out(static_cast<size_t>(config.embed_dim));
  s.stream->download(out.data(), features, out.size() * sizeof(float));
  s.stream->synchronize();
  return out;
}

Session::DenseFeatures Session::dense_features(ImageView photo, const SegmentOptions& options) {
  check_image(photo, "the photo");
  check(options);
  State& s = *state_;
  const PhotoPlan plan = make_photo_plan(s.backend(), *s.stream, photo, options, s.engine->config().vision.patch_size);
  DenseFeatures out{.windows = plan.grid.count(),
                    .grid_h = static_cast<int>(plan.grid_h),
                    .grid_w = static_cast<int>(plan.grid_w),
                    .embed_dim = s.engine->config().embed_dim,
                    .data = {}};
  const int64_t window = plan.grid_h * plan.grid_w * out.embed_dim;
  out.data.resize(static_cast<size_t>(out.windows * window));
  const float* planes = s.resize(s.upload(photo), plan);
  s.encode(planes, plan, *s.head_for(options.policy, nullptr), options.window_batch,
           [&](BlockRunner& runner, int64_t first, const float* features) {
             runner.stream().download(out.data.data() + first * window, features,
                                      static_cast<size_t>(runner.batch() * window) * sizeof(float));
             runner.stream().synchronize();
           });
  return out;
}

std::vector<float> Session::embed_texts(std::span<const std::string> texts, bool truncate) {
  State& s = *state_;
  std::vector<std::vector<int32_t>> prompts;
  for (const std::string& text : texts) {
    prompts.push_back(s.engine->tokenizer().encode_prompt(text, s.engine->config().text.context,
                                                          truncate ? Overflow::kTruncate : Overflow::kError));
  }
  const AlignedBuffer<float> features = s.engine->text().encode(*s.stream, prompts);
  return {features.begin(), features.end()};
}

std::vector<float> classify(Session& session, ImageView photo, const TextBank& bank) {
  const std::vector<float> image = session.embed_image(photo);
  const int64_t dim = bank.embed_dim();
  std::vector<double> logits(static_cast<size_t>(bank.queries()));
  double largest = -1e30;
  for (size_t k = 0; k < logits.size(); ++k) {
    double cosine = 0;
    for (int64_t c = 0; c < dim; ++c) {
      cosine += static_cast<double>(image[static_cast<size_t>(c)]) *
                static_cast<double>(bank.embeddings()[k * static_cast<size_t>(dim) + static_cast<size_t>(c)]);
    }
    largest = std::max(largest, logits[k] = 100.0 * cosine);
  }
  double sum = 0;
  for (double& x : logits) sum += x = std::exp(x - largest);
  std::vector<float> out(bank.classes().class_names().size(), 0.0f);
  for (size_t k = 0; k < logits.size(); ++k) {
    float& best = out[static_cast<size_t>(bank.classes().query_class()[k])];
    best = std::max(best, static_cast<float>(logits[k] / sum));
  }
  return out;
}

}  // namespace sclip
