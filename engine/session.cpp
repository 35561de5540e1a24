#include "sclip/session.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <optional>

#include "engine/explainer.h"
#include "engine/image_embedder.h"
#include "engine/segmenter.h"
#include "engine/text/tokenizer.h"
#include "engine/text_encoder.h"
#include "engine/validate.h"
#include "sclip/segment_config.h"

namespace sclip {

struct Session::State {
  explicit State(std::shared_ptr<const Engine> e) : engine(std::move(e)), stream(engine->backend().make_stream()) {}

  std::shared_ptr<const Engine> engine;
  std::unique_ptr<Stream> stream;
  std::optional<Segmenter> segmenter;
  std::optional<ImageEmbedder> embedder;
  std::optional<Explainer> explainer;
  std::optional<SegmentOptions> valid;  // the latest that were found so

  void check(const SegmentOptions& options) {
    if (valid == options) return;
    validate(options, engine->config());
    valid = options;
  }
  Segmenter& to_segment() {
    if (!segmenter) segmenter.emplace(*engine, *stream);
    return *segmenter;
  }
  Explainer& to_explain() {
    if (!explainer) explainer.emplace(*engine, *stream);
    return *explainer;
  }
};

Session::Session(std::shared_ptr<const Engine> engine) : state_(std::make_unique<State>(std::move(engine))) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

std::vector<Segmentation> Session::segment(std::span<const PhotoRequest> requests, const TextBank& bank,
                                           const SegmentOptions& options, const RunControl& control) {
  std::vector<Segmentation> results(requests.size());
  segment(requests, bank, options, results, control);
  return results;
}

void Session::segment(std::span<const PhotoRequest> requests, const TextBank& bank, const SegmentOptions& options,
                      std::span<Segmentation> results, const RunControl& control) {
  SCLIP_CHECK(results.size() == requests.size(), kInvalidArgument, "there are ", results.size(), " results for ",
              requests.size(), " photos: give one for each");
  state_->check(options);
  check_bank(*state_->engine, bank);
  check_ignore_label(options.ignore_label, bank.classes());
  for (const PhotoRequest& request : requests) validate(request, bank.queries());
  state_->to_segment().segment(requests, bank, options, control, results);
}

Segmentation Session::segment(const ImageView& photo, const TextBank& bank, const SegmentOptions& options,
                              std::span<float> logits, const RunControl& control) {
  const PhotoRequest request{.photo = photo, .logits = logits};
  return std::move(segment({&request, 1}, bank, options, control)[0]);
}

std::shared_ptr<const PhotoFeatures> Session::read(const ImageView& photo, const SegmentOptions& options,
                                                   const RunControl& control) {
  return std::move(read({&photo, 1}, options, control)[0]);
}

std::vector<std::shared_ptr<const PhotoFeatures>> Session::read(std::span<const ImageView> photos,
                                                                const SegmentOptions& options,
                                                                const RunControl& control) {
  for (const ImageView& photo : photos) check_image(photo, "the photo");
  state_->check(options);
  return state_->to_segment().read(state_->engine, photos, options, control);
}

Segmentation Session::segment(const PhotoFeatures& features, const TextBank& bank, const SegmentOptions& options,
                              PhotoRequest request) {
  Segmentation result;
  segment(features, bank, options, request, result);
  return result;
}

void Session::segment(const PhotoFeatures& features, const TextBank& bank, const SegmentOptions& options,
                      PhotoRequest request, Segmentation& result) {
  const Engine& engine = *state_->engine;
  SCLIP_CHECK(&features.engine() == &engine, kInvalidArgument,
              "the features were read by another engine: read the photo with a session of this one");
  SCLIP_CHECK(request.photo.pixels == nullptr && request.rows == nullptr, kInvalidArgument,
              "a photo and the features of one are given: give one");
  SCLIP_CHECK(options.refine.kind == Refinement::kNone, kUnsupported, "the refinement ", to_string(options.refine.kind),
              " looks at the photo, and features do not have it: segment the photo itself");
  state_->check(options);
  check_bank(engine, bank);
  check_ignore_label(options.ignore_label, bank.classes());
  request.photo.width = features.width();
  request.photo.height = features.height();
  validate_buffers(request, bank.queries());
  state_->to_segment().segment(features, request, bank, options, result);
}

void Session::copy_features(const PhotoFeatures& features, std::span<float> to) {
  SCLIP_CHECK(&features.engine() == state_->engine.get(), kInvalidArgument,
              "the features were read by another engine: copy them with a session of that one");
  SCLIP_CHECK(to.size_bytes() == features.bytes(), kInvalidArgument, "the memory for the features has ", to.size(),
              " floats; it must have ", features.bytes() / sizeof(float));
  state_->stream->download(to.data(), features.data(), features.bytes());
  state_->stream->synchronize();
}

std::vector<float> Session::embed_image(const ImageView& photo) {
  check_image(photo, "the photo");
  State& s = *state_;
  if (!s.embedder) s.embedder.emplace(*s.engine, *s.stream);
  return s.embedder->embed(photo);
}

DenseFeatures Session::dense_features(const ImageView& photo, const SegmentOptions& options,
                                      const RunControl& control) {
  check_image(photo, "the photo");
  validate(options, state_->engine->config());
  return state_->to_segment().dense_features(photo, options, control);
}

std::vector<PatchMap> Session::patch_maps(const ImageView& photo, const MapRequest& request,
                                          const SegmentOptions& options, const TextBank* bank,
                                          const RunControl& control) {
  check_image(photo, "the photo");
  validate(options, state_->engine->config());
  if (bank != nullptr) check_bank(*state_->engine, *bank);
  return state_->to_explain().patch_maps(photo, request, options, bank, control);
}

void Session::cosine_planes(const ImageView& photo, const TextBank& bank, const SegmentOptions& options,
                            const OnPlane& use, const RunControl& control) {
  check_image(photo, "the photo");
  validate(options, state_->engine->config());
  check_bank(*state_->engine, bank);
  state_->to_explain().cosine_planes(photo, bank, options, use, control);
}

std::vector<float> Session::embed_texts(std::span<const std::string> texts, bool truncate, const RunControl& control) {
  const Engine& engine = *state_->engine;
  std::vector<std::vector<int32_t>> prompts;
  for (const std::string& text : texts) {
    prompts.push_back(engine.tokenizer().encode_prompt(text, engine.config().text.context,
                                                       truncate ? Overflow::kTruncate : Overflow::kError));
  }
  const AlignedBuffer<float> features = engine.text().encode(*state_->stream, prompts, control);
  return {features.begin(), features.end()};
}

const Engine& Session::engine() const {
  return *state_->engine;
}

void Session::trim() {
  State& s = *state_;
  s.segmenter.reset();
  s.embedder.reset();
  s.explainer.reset();
  s.stream->trim();
  s.engine->backend().trim();
#ifdef __GLIBC__
  ::malloc_trim(0);  // freed memory below the top of the heap goes back to the system only when asked
#endif
}

}  // namespace sclip
