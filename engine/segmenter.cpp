#include "engine/segmenter.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "engine/vision_encoder.h"
#include "kernels/resize_normalize/resize_normalize.h"
#include "kernels/window_merge/window_merge.h"
#include "sclip/text_bank.h"

namespace sclip {
namespace {

// Of the whole call: what reading the rows of large photos takes, and where the windows are done.
constexpr double kReadShare = 0.5, kEncodeEnd = 0.95;

// The control of a part of a call that goes from `begin` on for `share` of it.
RunControl part_of(const RunControl& whole, double begin, double share) {
  RunControl part{.stop = whole.stop, .progress = {}};
  if (whole.progress) part.progress = [&whole, begin, share](double done) { whole.progress(begin + share * done); };
  return part;
}

}  // namespace

Segmenter::UnwantedScores Segmenter::needs_of_scores(const SegmentPlan& plan) {
  if (!plan.head->settles_with().empty()) return UnwantedScores::kKept;
  return plan.options.refine.kind != Refinement::kNone ? UnwantedScores::kSums : UnwantedScores::kNone;
}

Segmenter::Segmenter(const Engine& engine, Stream& stream)
    : engine_(engine), backend_(engine.backend()), stream_(stream), windows_(engine.vision(), engine.backend()) {}

void Segmenter::segment(std::span<const PhotoRequest> requests, const TextBank& bank, const SegmentOptions& options,
                        const RunControl& control, std::span<Segmentation> out) {
  if (requests.empty()) return;
  control.check();
  keys_.clear();
  for (const PhotoRequest& r : requests) {
    keys_.push_back({.width = r.width(),
                     .height = r.height(),
                     .order = r.rows != nullptr ? ChannelOrder::kRgb : r.photo.order,
                     .logits = !r.logits.empty(),
                     .scores = !r.scores.empty() || r.with_scores,
                     .paired = r.rows != nullptr});
  }
  Watch watch;
  SegmentPlan& plan = plan_for(keys_, options, bank);
  // Before anything of the results: reading a photo's rows may fail.
  views_.clear();
  if (uploads_.size() < requests.size()) uploads_.resize(requests.size());
  const bool reads = std::any_of(requests.begin(), requests.end(), [](const auto& r) { return r.rows != nullptr; });
  if (reads) paired_.resize(requests.size());
  const double read_share = reads ? kReadShare : 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    views_.push_back(
        photo_of(requests[i], plan.photos[i], i,
                 part_of(control, read_share * static_cast<double>(i) / static_cast<double>(requests.size()),
                         read_share / static_cast<double>(requests.size()))));
  }
  begin_results(label_slots(rule_of(options, *plan.query_class, bank)), needs_of_scores(plan), bank.queries(), requests,
                out);
  // Recorded at the second run: one call alone would not earn a recording back. A refinement asks, between two kernels,
  // whether a second pass is needed.
  const bool record = options.record && options.refine.kind == Refinement::kNone && plan.head->may_be_recorded() &&
                      stream_.can_record();
  if (record && plan.generation == generation()) {
    run_recorded(views_, plan, bank);
  } else {
    plan.recording.reset();
    run(views_, plan, bank, part_of(control, read_share, kEncodeEnd - read_share), &watch);
    plan.generation = generation();
  }
  finish_results(out, options.ignore_label.has_value(), &plan);
  if (reads) paired_.clear();
  control.report(1);
  // A recorded run is not divided into stages: its whole time counts as encoding.
  (watch.times.encode > 0 ? watch.times.merge : watch.times.encode) += watch.watch.lap();

  for (size_t i = 0; i < requests.size(); ++i) {
    Segmentation& s = out[i];
    s.windows = plan.photos[i].grid.count();
    const double share = static_cast<double>(s.windows) / static_cast<double>(plan.windows);
    s.times = {watch.times.resize * share, watch.times.encode * share, watch.times.merge * share};
    s.resized_width = static_cast<int>(plan.photos[i].size.width);
    s.resized_height = static_cast<int>(plan.photos[i].size.height);
  }
}

void Segmenter::begin_results(int64_t slots, UnwantedScores unwanted, int64_t queries,
                              std::span<const PhotoRequest> requests, std::span<Segmentation> out) {
  if (results_.size() < requests.size()) results_.resize(requests.size());
  // A refinement keeps its sums in the scores: of photos whose scores nobody wants, one after the other in the same
  // place, as large as the largest needs it. To grow it between two of them would leave the first one's behind.
  float* unread_scores = nullptr;
  if (unwanted == UnwantedScores::kSums) {
    int64_t most = 0;
    for (const PhotoRequest& r : requests) most = std::max(most, int64_t{r.width()} * r.height());
    unread_scores = unread_scores_.get<float>(backend_, most);
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    const PhotoRequest& request = requests[i];
    Segmentation& s = out[i];
    Results& r = results_[i];
    s.width = request.width();
    s.height = request.height();
    const int64_t pixels = int64_t{s.width} * s.height;
    s.labels.clear();
    s.scores.clear();
    s.classes.clear();
    s.ignored = {};
    uint16_t* labels = request.labels.data();
    if (request.labels.empty()) {
      s.labels.resize(static_cast<size_t>(pixels));
      labels = s.labels.data();
    }
    float* scores = request.scores.data();
    if (request.scores.empty() && request.with_scores) {
      s.scores.resize(static_cast<size_t>(pixels));
      scores = s.scores.data();
    }
    if (scores == nullptr && unwanted == UnwantedScores::kKept) {
      r.own_scores.resize(static_cast<size_t>(pixels));
      scores = r.own_scores.data();
    }
    r.host_labels = {labels, static_cast<size_t>(pixels)};
    r.host_scores = scores;
    r.host_statistics.assign(static_cast<size_t>(slots), {});
    r.out = {.labels = r.labels.begin(backend_, labels, pixels),
             .scores = scores != nullptr ? r.scores.begin(backend_, scores, pixels) : unread_scores,
             .statistics = r.statistics.begin(backend_, r.host_statistics.data(), slots)};
    r.full_logits =
        request.logits.empty() ? nullptr : r.logits.begin(backend_, request.logits.data(), queries * pixels);
  }
}

void Segmenter::finish_results(std::span<Segmentation> out, bool with_ignored, const SegmentPlan* settling) {
  for (size_t i = 0; i < out.size(); ++i) {
    Results& r = results_[i];
    r.labels.download(stream_);
    r.scores.download(stream_);
    r.logits.download(stream_);
    r.statistics.download(stream_);
  }
  if (settling != nullptr) fetch_left(*settling);
  stream_.synchronize();
  for (size_t i = 0; i < out.size(); ++i) {
    Results& r = results_[i];
    r.labels.finish();
    r.scores.finish();
    r.logits.finish();
    r.statistics.finish();
    if (settling != nullptr) settle(*settling, i);
    Segmentation& s = out[i];
    for (const LabelStatistics& c : r.host_statistics) {
      s.classes.push_back({.pixels = c.pixels,
                           .mean_score = c.pixels > 0 ? c.score_sum / static_cast<double>(c.pixels) : 0.0,
                           .max_score = c.max_score});
    }
    if (with_ignored) {
      s.ignored = s.classes.back();
      s.classes.pop_back();
    }
  }
}

ImageView Segmenter::photo_of(const PhotoRequest& request, const PhotoPlan& plan, size_t i, const RunControl& control) {
  const ImageView view =
      request.rows != nullptr ? paired_[i].gather(*request.rows, plan.size.height, control) : request.photo;
  return uploads_[i].send(backend_, stream_, view);
}

DenseFeatures Segmenter::dense_features(const ImageView& photo, const SegmentOptions& options,
                                        const RunControl& control) {
  const PhotoKey key{photo.width, photo.height, photo.order};
  const SegmentPlan plan = make_segment_plan(backend_, stream_, {&key, 1}, options, head_for(options, nullptr),
                                             engine_.vision().patch_size());
  const PhotoPlan& p = plan.photos[0];
  DenseFeatures out{.windows = p.grid.count(),
                    .grid_h = static_cast<int>(p.grid_h),
                    .grid_w = static_cast<int>(p.grid_w),
                    .embed_dim = engine_.config().embed_dim,
                    .data = {}};
  const int64_t window = p.patches() * out.embed_dim;
  out.data.resize(static_cast<size_t>(out.windows * window));
  if (uploads_.empty()) uploads_.resize(1);
  const ImageView view = uploads_[0].send(backend_, stream_, photo);
  resize({&view, 1}, plan);
  const auto keep = [&](BlockRunner& runner, int64_t first, const float* features) {
    runner.stream().download(out.data.data() + first * window, features,
                             static_cast<size_t>(runner.batch() * window) * sizeof(float));
    runner.stream().synchronize();
  };
  encode(plan, keep, 0, control);
  return out;
}

std::vector<std::shared_ptr<const PhotoFeatures>> Segmenter::read(std::shared_ptr<const Engine> engine,
                                                                  std::span<const ImageView> photos,
                                                                  const SegmentOptions& options,
                                                                  const RunControl& control) {
  if (photos.empty()) return {};
  control.check();
  const auto plan = [&](std::span<const PhotoKey> keys) {
    return make_segment_plan(backend_, stream_, keys, options, head_for(options, nullptr),
                             engine_.vision().patch_size());
  };
  // Each photo's own plan goes with its features. That of all, which says what is computed, ends with this call.
  std::vector<PhotoKey> keys;
  std::vector<std::unique_ptr<SegmentPlan>> own;
  for (const ImageView& photo : photos) {
    keys.push_back({photo.width, photo.height, photo.order});
    own.push_back(std::make_unique<SegmentPlan>(plan({&keys.back(), 1})));
  }
  SCLIP_CHECK(
      own[0]->head->scores_any_words() && own[0]->head->settles_with().empty(), kUnsupported, "the policy ",
      options.policy,
      " looks at the words while it reads a photo, or at the photo again behind them: features for any words cannot be "
      "kept; segment anew for each set of words, or choose another policy");
  std::optional<SegmentPlan> joint;
  if (photos.size() > 1) joint = plan(keys);
  const SegmentPlan& all = joint ? *joint : *own[0];

  const int64_t embed_dim = engine_.config().embed_dim;
  std::vector<std::unique_ptr<Memory>> features;
  views_.clear();
  if (uploads_.size() < photos.size()) uploads_.resize(photos.size());
  for (size_t i = 0; i < photos.size(); ++i) {
    features.push_back(backend_.allocate(static_cast<size_t>(own[i]->patches * embed_dim) * sizeof(float)));
    views_.push_back(uploads_[i].send(backend_, stream_, photos[i]));
  }
  resize(views_, all);
  for (size_t g = 0; g < all.groups.size(); ++g) {
    const int64_t window = all.groups[g].patches * embed_dim;
    // The windows of a forward may be of several photos.
    const auto keep = [&](BlockRunner& runner, int64_t first, const float* found) {
      const int64_t end = first + runner.batch();
      for (size_t i = 0; i < photos.size(); ++i) {
        const PhotoPlan& photo = all.photos[i];
        if (photo.group != g) continue;
        const int64_t from = std::max(first, photo.first_window);
        const int64_t to = std::min(end, photo.first_window + photo.grid.count());
        if (from >= to) continue;
        runner.stream().copy(static_cast<float*>(features[i]->data()) + (from - photo.first_window) * window,
                             found + (from - first) * window,
                             static_cast<size_t>((to - from) * window) * sizeof(float));
      }
    };
    encode(all, keep, g, control);
  }
  stream_.synchronize();
  control.report(1);
  std::vector<std::shared_ptr<const PhotoFeatures>> out;
  for (size_t i = 0; i < photos.size(); ++i) {
    own[i]->head.reset();  // it is not needed again
    out.push_back(std::make_shared<PhotoFeatures>(engine, std::move(own[i]), std::move(features[i])));
  }
  return out;
}

void Segmenter::segment(const PhotoFeatures& features, const PhotoRequest& request, const TextBank& bank,
                        const SegmentOptions& options, Segmentation& out) {
  const SegmentPlan& plan = features.plan();
  Watch watch;
  if (asked_classes_ == nullptr || asked_bank_ != bank.id()) {
    const std::span<const int32_t> query_class(bank.classes().query_class());
    asked_classes_ = copy_to_backend(backend_, stream_, query_class.data(), query_class.size_bytes());
    stream_.synchronize();
    asked_bank_ = bank.id();
  }
  const LabelRule rule = rule_of(options, *asked_classes_, bank);
  begin_results(label_slots(rule), UnwantedScores::kNone, bank.queries(), {&request, 1}, {&out, 1});
  auto* cosines = logits_.get<float>(backend_, plan.patches * bank.queries());
  stream_.linear(bank.similarity(), features.data(), plan.patches, cosines);
  label(plan, 0, cosines, rule);
  finish_results({&out, 1}, options.ignore_label.has_value(), nullptr);
  out.windows = features.windows();
  out.resized_width = static_cast<int>(plan.photos[0].size.width);
  out.resized_height = static_cast<int>(plan.photos[0].size.height);
  out.times = {.merge = watch.watch.lap()};
}

// The policy's dense head, for the words of `bank` or, without one, for none. The latest is kept: photos of many
// sizes share it.
std::shared_ptr<const DenseHead> Segmenter::head_for(const SegmentOptions& options, const TextBank* bank) {
  const uint64_t bank_id = bank != nullptr ? bank->id() : 0;
  if (head_ == nullptr || head_policy_ != options.policy || head_temperature_ != options.temperature ||
      head_bank_ != bank_id) {
    head_ = make_head(engine_, options, bank);
    head_policy_ = options.policy;
    head_temperature_ = options.temperature;
    head_bank_ = bank_id;
  }
  return head_;
}

void Segmenter::fetch_left(const SegmentPlan& plan) {
  for (size_t i = 0; i < plan.photos.size(); ++i) {
    const PhotoPlan& photo = plan.photos[i];
    const WindowGroup& group = plan.groups[photo.group];
    const int64_t floats = group.left_floats;
    results_[i].left.resize(static_cast<size_t>(floats));
    if (floats == 0) continue;
    stream_.download(results_[i].left.data(),
                     left_.get<float>(backend_, plan.left_floats) + group.left_before + photo.first_window * floats,
                     static_cast<size_t>(floats) * sizeof(float));
  }
}

// The scores stay what they are: every pixel's own best. Classes are counted anew.
void Segmenter::settle(const SegmentPlan& plan, size_t i) {
  Results& r = results_[i];
  if (r.left.empty()) return;
  const PhotoPlan& photo = plan.photos[i];
  plan.head->settle(r.left, photo.grid_h, photo.grid_w, r.host_labels, photo.key.height, photo.key.width);
  std::vector<LabelStatistics>& statistics = r.host_statistics;
  statistics.assign(statistics.size(), {});
  for (size_t pixel = 0; pixel < r.host_labels.size(); ++pixel) {
    const uint16_t label = r.host_labels[pixel];
    LabelStatistics& s = plan.options.ignore_label == label ? statistics.back() : statistics[label];
    ++s.pixels;
    s.score_sum += double{r.host_scores[pixel]};
    s.max_score = std::max(s.max_score, r.host_scores[pixel]);
  }
}

SegmentPlan& Segmenter::plan_for(std::span<const PhotoKey> keys, const SegmentOptions& options, const TextBank& bank) {
  for (SegmentPlan& plan : plans_) {
    if (plan.is_for(keys, options, bank.id())) return plan;
  }
  SegmentPlan plan =
      make_segment_plan(backend_, stream_, keys, options, head_for(options, &bank), engine_.vision().patch_size());
  for (const PhotoPlan& photo : plan.photos) {
    SCLIP_CHECK(plan.head->settles_with().empty() || photo.grid.count() == 1, kInvalidArgument, "policy '",
                options.policy, "' settles labels among the patches of one window, and this photo has ",
                photo.grid.count(), ": take it whole, with crop 0");
  }
  for (WindowGroup& group : plan.groups) {
    const int64_t patch = engine_.vision().patch_size();
    group.needs =
        plan.head->needs(engine_.vision().window_shape(group.window_height / patch, group.window_width / patch));
    for (const BufferNeed& need : group.needs->buffers) {
      if (need.name == plan.head->settles_with()) group.left_floats = need.window_bytes / int64_t{sizeof(float)};
    }
    group.left_before = plan.left_floats;
    plan.left_floats += group.left_floats * group.windows;
  }
  plan.bank = bank.id();
  const std::span<const int32_t> query_class(bank.classes().query_class());
  plan.query_class = copy_to_backend(backend_, stream_, query_class.data(), query_class.size_bytes());
  stream_.synchronize();
  if (plans_.size() == kPlans) plans_.pop_front();
  return plans_.emplace_back(std::move(plan));
}

void Segmenter::resize(std::span<const ImageView> photos, const SegmentPlan& plan) {
  const PreprocessConfig& preprocess = engine_.config().preprocess;
  auto* atlas = atlas_.get<float>(backend_, plan.atlas_floats);
  for (size_t i = 0; i < photos.size(); ++i) {
    const PhotoPlan& photo = plan.photos[i];
    const WindowGroup& group = plan.groups[photo.group];
    stream_.resize_normalize({.src = photos[i],
                              .photo_height = photo.key.paired ? photo.key.height : 0,
                              .dst = atlas + group.atlas_offset + photo.atlas_y * group.atlas_width,
                              .dst_height = photo.size.height,
                              .dst_width = photo.size.width,
                              .dst_row_stride = group.atlas_width,
                              .dst_plane_stride = group.atlas_width * group.atlas_height,
                              .mean = preprocess.mean,
                              .std = preprocess.std});
  }
}

void Segmenter::encode(const SegmentPlan& plan, const WindowEncoder::Use& use, size_t index,
                       const RunControl& control) {
  const WindowGroup& group = plan.groups[index];
  windows_.encode(stream_,
                  {.image = atlas_.get<float>(backend_, plan.atlas_floats) + group.atlas_offset,
                   .height = group.atlas_height,
                   .width = group.atlas_width,
                   .windows = group.origins(),
                   .count = group.windows,
                   .window_height = group.window_height,
                   .window_width = group.window_width,
                   .needs = group.needs ? &*group.needs : nullptr},
                  *plan.head, plan.options.window_batch, control, use);
}

void Segmenter::run(std::span<const ImageView> photos, const SegmentPlan& plan, const TextBank& bank,
                    const RunControl& control, Watch* watch) {
  const auto lap = [&](double StageTimes::*stage) {
    if (watch == nullptr) return;
    stream_.synchronize();
    watch->times.*stage = watch->watch.lap();
  };
  const int64_t queries = bank.queries();
  resize(photos, plan);
  lap(&StageTimes::resize);
  auto* cosines = logits_.get<float>(backend_, plan.patches * queries);
  float* const left = plan.left_floats > 0 ? left_.get<float>(backend_, plan.left_floats) : nullptr;
  // Told on this thread, whichever threads compute: how many windows are done, on a device how many it was given.
  const auto here = std::this_thread::get_id();
  std::atomic<int64_t> patches_done{0};
  for (size_t g = 0; g < plan.groups.size(); ++g) {
    const WindowGroup& group = plan.groups[g];
    const auto score = [&](BlockRunner& runner, int64_t first, const float* features) {
      plan.head->score(runner, features, cosines + (group.patches_before + first * group.patches) * queries);
      if (left != nullptr) {
        runner.stream().copy(left + group.left_before + first * group.left_floats,
                             runner.buffer(plan.head->settles_with()),
                             static_cast<size_t>(runner.batch() * group.left_floats) * sizeof(float));
      }
      const int64_t done = patches_done += runner.batch() * group.patches;
      if (watch != nullptr && std::this_thread::get_id() == here) {
        control.report(static_cast<double>(done) / static_cast<double>(plan.patches));
      }
    };
    encode(plan, std::ref(score), g, control);
  }
  lap(&StageTimes::encode);
  for (size_t i = 0; i < photos.size(); ++i) {
    control.check();
    if (plan.options.refine.kind == Refinement::kNone) {
      label(plan, i, logits_.get<float>(backend_, plan.patches * queries),
            rule_of(plan.options, *plan.query_class, bank));
    } else {
      label_refined(photos[i], plan, i, bank, control);
    }
  }
  lap(&StageTimes::merge);
}

// Every workspace is there: the plan has run, and no memory has moved since.
void Segmenter::run_recorded(std::span<const ImageView> photos, SegmentPlan& plan, const TextBank& bank) {
  if (plan.recording == nullptr) {
    stream_.begin_recording();
    try {
      run(photos, plan, bank, {}, nullptr);
      plan.recording = stream_.end_recording();
    } catch (...) {
      stream_.abandon_recording();
      throw;
    }
  }
  stream_.replay(*plan.recording);
}

LabelRule Segmenter::rule_of(const SegmentOptions& options, const Memory& query_class, const TextBank& bank) {
  return {.queries = bank.queries(),
          .classes = static_cast<int64_t>(bank.classes().size()),
          .query_class = static_cast<const int32_t*>(query_class.data()),
          .logit_scale = options.logit_scale,
          .prob_threshold = options.prob_thd,
          .area_threshold = options.area_thd,
          .low_label = options.ignore_label};
}

void Segmenter::label(const SegmentPlan& plan, size_t i, const float* cosines, const LabelRule& rule) {
  const Results& r = results_[i];
  const WindowLogits windows = window_logits(plan, plan.photos[i], cosines, rule.queries);
  stream_.window_merge({.windows = windows, .rule = rule, .out = r.out});
  if (r.full_logits != nullptr) {
    stream_.window_planes({.windows = windows, .count = rule.queries, .planes = r.full_logits});
  }
}

void Segmenter::label_refined(const ImageView& view, const SegmentPlan& plan, size_t i, const TextBank& bank,
                              const RunControl& control) {
  const Results& r = results_[i];
  const PhotoPlan& photo = plan.photos[i];
  const PreprocessConfig& preprocess = engine_.config().preprocess;
  // The atlas has the same pixels, between those of other photos.
  auto* guide = guide_.get<float>(backend_, 3 * photo.size.height * photo.size.width);
  stream_.resize_normalize({.src = view,
                            .photo_height = photo.key.paired ? photo.key.height : 0,
                            .dst = guide,
                            .dst_height = photo.size.height,
                            .dst_width = photo.size.width,
                            .mean = preprocess.mean,
                            .std = preprocess.std});
  const float* cosines = logits_.get<float>(backend_, plan.patches * bank.queries());
  refined_.run(backend_, stream_,
               {.windows = window_logits(plan, photo, cosines, bank.queries()),
                .guide = guide,
                .rule = rule_of(plan.options, *plan.query_class, bank),
                .out = r.out,
                .full_logits = r.full_logits,
                .bank = &bank},
               plan.options.refine, control);
}

uint64_t Segmenter::generation() const {
  uint64_t sum = stream_.generation() + windows_.generation();
  for (const GrowingMemory* memory : {&atlas_, &logits_, &unread_scores_, &left_}) sum += memory->generation();
  for (const PhotoUpload& upload : uploads_) sum += upload.generation();
  for (const Results& r : results_) {
    sum += r.labels.generation() + r.scores.generation() + r.logits.generation() + r.statistics.generation();
  }
  return sum;
}

void Segmenter::trim() {
  plans_.clear();
  head_.reset();
  windows_.trim();
  uploads_.clear();
  paired_.clear();
  results_.clear();
  for (GrowingMemory* memory : {&atlas_, &logits_, &unread_scores_, &guide_, &left_}) {
    memory->trim();
  }
  asked_classes_.reset();
  refined_.trim();
}

}  // namespace sclip
