#include "engine/session.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "engine/growing_memory.h"
#include "engine/text_encoder.h"
#include "engine/vision_encoder.h"
#include "engine/window_encoder.h"
#include "engine/window_grid.h"
#include "kernels/resize_bicubic/resize_bicubic.h"
#include "kernels/resize_normalize/resize_normalize.h"
#include "kernels/resize_normalize/resized_size.h"
#include "kernels/window_merge/window_merge.h"

namespace sclip {
namespace {

class Stopwatch {
 public:
  // Seconds since the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

void check(ImageView photo) {
  SCLIP_CHECK(photo.rgb != nullptr && photo.width > 0 && photo.height > 0, kInvalidArgument, "the photo is empty (",
              photo.width, "×", photo.height, ")");
}

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
}

}  // namespace

// A resized photo in backend memory, and its windows.
struct PreparedPhoto {
  ImageSize size;
  const float* image = nullptr;
  WindowGrid grid;
  const PatchOrigin* origins = nullptr;  // backend memory
  int64_t grid_h = 0, grid_w = 0;
};

struct Session::State {
  std::shared_ptr<const Engine> engine;
  std::unique_ptr<Stream> stream;
  std::optional<WindowEncoder> windows;
  std::optional<VisionPlan> whole;  // for the class token of a whole picture
  GrowingMemory photo, image, origins, features, logits, window_x, window_y, query_class, labels, scores, full_logits;

  const Backend& backend() const { return engine->backend(); }

  const uint8_t* upload(ImageView view) {
    const int64_t bytes = int64_t{3} * view.width * view.height;
    if (backend().is_host()) return view.rgb;
    auto* device = photo.get<uint8_t>(backend(), bytes);
    stream->upload(device, view.rgb, static_cast<size_t>(bytes));
    return device;
  }

  PreparedPhoto prepare(ImageView view, const SegmentOptions& options) {
    PreparedPhoto out;
    const PreprocessConfig& preprocess = engine->config().preprocess;
    out.size = resized_size(view.height, view.width, options.short_side, options.long_limit);
    auto* planes = image.get<float>(backend(), 3 * out.size.height * out.size.width);
    stream->resize_normalize({.src = upload(view),
                              .dst = planes,
                              .src_height = view.height,
                              .src_width = view.width,
                              .dst_height = out.size.height,
                              .dst_width = out.size.width,
                              .mean = preprocess.mean,
                              .std = preprocess.std});
    out.image = planes;
    out.grid = make_window_grid(static_cast<int>(out.size.height), static_cast<int>(out.size.width), options.crop,
                                options.stride);
    const int patch = engine->config().vision.patch_size;
    out.grid_h = out.grid.grid_h(patch);
    out.grid_w = out.grid.grid_w(patch);
    SCLIP_CHECK(out.grid_h > 0 && out.grid_w > 0, kInvalidArgument, "the photo of ", view.width, "×", view.height,
                " pixels becomes ", out.size.width, "×", out.size.height, ", its windows ", out.grid.window_width, "×",
                out.grid.window_height, ": smaller than a patch of ", patch,
                " pixels; crop the photo to a less extreme shape");
    std::vector<PatchOrigin> corners;
    for (int i = 0; i < out.grid.count(); ++i) {
      const Window window = out.grid.window(i);
      corners.push_back({window.x0, window.y0});
    }
    out.origins = upload<PatchOrigin>(origins, corners);
    return out;
  }

  void encode(const PreparedPhoto& prepared, const SegmentOptions& options, const WindowEncoder::Use& use) {
    if (!windows) windows.emplace(engine->vision(), backend());
    windows->encode(*stream,
                    {.image = prepared.image,
                     .height = prepared.size.height,
                     .width = prepared.size.width,
                     .windows = prepared.origins,
                     .count = prepared.grid.count(),
                     .grid_h = prepared.grid_h,
                     .grid_w = prepared.grid_w},
                    find_attention_policy(options.policy), options.window_batch, use);
  }

  // A copy in backend memory.
  template <typename T>
  const T* upload(GrowingMemory& memory, std::span<const T> values) {
    auto* device = memory.get<T>(backend(), static_cast<int64_t>(values.size()));
    stream->upload(device, values.data(), values.size_bytes());
    return device;
  }
};

Session::Session(std::shared_ptr<const Engine> engine) : state_(std::make_unique<State>()) {
  state_->engine = std::move(engine);
  state_->stream = state_->engine->backend().make_stream();
}

Session::~Session() = default;

Segmentation Session::segment(ImageView photo, const TextBank& bank, const SegmentOptions& options,
                              LogitsSink logits_sink) {
  check(photo);
  check(options);
  State& s = *state_;
  Stream& stream = *s.stream;
  const Backend& backend = s.backend();
  const int64_t queries = bank.queries();
  const auto classes = static_cast<int64_t>(bank.classes().class_names.size());
  const int64_t pixels = int64_t{photo.width} * photo.height;

  Segmentation out;
  out.width = photo.width;
  out.height = photo.height;
  Stopwatch watch;
  const PreparedPhoto prepared = s.prepare(photo, options);
  out.windows = prepared.grid.count();
  stream.synchronize();
  out.times.resize = watch.lap();

  const int64_t patches = prepared.grid_h * prepared.grid_w;
  auto* logits = s.logits.get<float>(backend, out.windows * patches * queries);
  s.encode(prepared, options, [&](Stream& lane, int64_t first, int64_t windows, const float* features) {
    lane.linear(bank.similarity(), features, windows * patches, logits + first * patches * queries);
  });
  stream.synchronize();
  out.times.encode = watch.lap();

  out.labels.resize(static_cast<size_t>(pixels));
  out.scores.resize(static_cast<size_t>(pixels));
  std::vector<MergeStatistics> statistics(static_cast<size_t>(classes));
  stream.window_merge({.logits = logits,
                       .window_x = s.upload<int32_t>(s.window_x, prepared.grid.xs),
                       .window_y = s.upload<int32_t>(s.window_y, prepared.grid.ys),
                       .windows_x = static_cast<int64_t>(prepared.grid.xs.size()),
                       .windows_y = static_cast<int64_t>(prepared.grid.ys.size()),
                       .window_width = prepared.grid.window_width,
                       .window_height = prepared.grid.window_height,
                       .grid_h = prepared.grid_h,
                       .grid_w = prepared.grid_w,
                       .queries = queries,
                       .classes = classes,
                       .query_class = s.upload<int32_t>(s.query_class, bank.classes().query_class),
                       .logit_scale = options.logit_scale,
                       .prob_threshold = options.prob_thd,
                       .area_threshold = options.area_thd,
                       .resized_width = prepared.size.width,
                       .resized_height = prepared.size.height,
                       .photo_width = photo.width,
                       .photo_height = photo.height,
                       .labels = out.labels.data(),
                       .label_dtype = DType::kU16,
                       .scores = out.scores.data(),
                       .statistics = statistics.data(),
                       .full_logits = logits_sink.data});
  stream.synchronize();
  for (const MergeStatistics& c : statistics) {
    out.classes.push_back({.pixels = c.pixels,
                           .mean_score = c.pixels > 0 ? c.score_sum / static_cast<double>(c.pixels) : 0.0,
                           .max_score = c.max_score});
  }
  out.times.merge = watch.lap();
  return out;
}

std::vector<float> Session::embed_image(ImageView photo) {
  check(photo);
  State& s = *state_;
  const ModelConfig& config = s.engine->config();
  const int64_t side = config.vision.image_size;
  auto* planes = s.image.get<float>(s.backend(), 3 * side * side);
  s.stream->resize_bicubic({.src = s.upload(photo),
                            .dst = planes,
                            .src_height = photo.height,
                            .src_width = photo.width,
                            .size = side,
                            .mean = config.preprocess.mean,
                            .std = config.preprocess.std});
  if (!s.whole) s.whole = s.engine->vision().make_plan(1, config.vision.grid(), config.vision.grid());
  auto* features = s.features.get<float>(s.backend(), config.embed_dim);
  const PatchOrigin whole{};
  s.engine->vision().encode(*s.stream, *s.whole,
                            {.image = planes,
                             .height = side,
                             .width = side,
                             .windows = s.upload<PatchOrigin>(s.origins, std::span(&whole, 1)),
                             .batch = 1},
                            find_attention_policy("clip"), Readout::kClassToken, features);
  std::vector<float> out(static_cast<size_t>(config.embed_dim));
  s.stream->download(out.data(), features, out.size() * sizeof(float));
  s.stream->synchronize();
  return out;
}

Session::DenseFeatures Session::dense_features(ImageView photo, const SegmentOptions& options) {
  check(photo);
  check(options);
  State& s = *state_;
  const PreparedPhoto prepared = s.prepare(photo, options);
  DenseFeatures out{.windows = prepared.grid.count(),
                    .grid_h = static_cast<int>(prepared.grid_h),
                    .grid_w = static_cast<int>(prepared.grid_w),
                    .embed_dim = s.engine->config().embed_dim,
                    .data = {}};
  const int64_t window = prepared.grid_h * prepared.grid_w * out.embed_dim;
  out.data.resize(static_cast<size_t>(out.windows * window));
  s.encode(prepared, options, [&](Stream& lane, int64_t first, int64_t windows, const float* features) {
    lane.download(out.data.data() + first * window, features, static_cast<size_t>(windows * window) * sizeof(float));
    lane.synchronize();
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
  std::vector<float> out(bank.classes().class_names.size(), 0.0f);
  for (size_t k = 0; k < logits.size(); ++k) {
    float& best = out[static_cast<size_t>(bank.classes().query_class[k])];
    best = std::max(best, static_cast<float>(logits[k] / sum));
  }
  return out;
}

}  // namespace sclip
