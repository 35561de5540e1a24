// Sessions: what is computed of photos and words.
#include <algorithm>
#include <cstdio>
#include <span>

#include "api/control.h"
#include "api/objects.h"
#include "api/sized_struct.h"
#include "sclip/segment_config.h"

namespace sclip::api {
namespace {

constexpr size_t kFirstSegmentOptionsSize = sizeof(sclip_segment_options);

const char* usual_policy() {
  static const std::string* const name = new std::string(SegmentOptions().policy);
  return name->c_str();
}

sclip_segment_options to_c(const SegmentOptions& o) {
  sclip_segment_options out{};
  out.struct_size = sizeof(out);
  out.policy = usual_policy();
  out.short_side = o.short_side;
  out.crop = o.crop;
  out.stride = o.stride;
  out.squash = o.squash ? 1 : 0;
  out.temperature = o.temperature;
  out.logit_scale = o.logit_scale;
  out.prob_thd = o.prob_thd;
  out.ignore_label = o.ignore_label.value_or(-1);
  out.area_thd = o.area_thd.value_or(-1.f);
  static_assert(SCLIP_REFINE_PAMR == int{Refinement::kPamr} && SCLIP_REFINE_PEARL == int{Refinement::kPearl});
  out.refine = o.refine.kind;
  out.refine_iterations = o.refine.iterations;
  out.window_batch = o.window_batch;
  return out;
}

// Kept by the session until its next call.
const SegmentOptions& options_from(const sclip_segment_options* given, SessionObject& session) {
  if (!session.usual) session.usual = to_c(resolve({}, session.session.engine().config()));
  const auto c = read_struct(given, *session.usual, kFirstSegmentOptionsSize, "sclip_segment_options");
  static const SegmentOptions defaults;
  SegmentOptions& out = session.options;
  out = defaults;
  out.policy = text(c.policy, "policy");
  out.short_side = c.short_side;
  out.crop = c.crop;
  out.stride = c.stride;
  out.squash = c.squash != 0;
  out.temperature = c.temperature;
  out.logit_scale = c.logit_scale;
  out.prob_thd = c.prob_thd;
  SCLIP_CHECK(c.ignore_label >= -1, kInvalidArgument, "ignore_label is ", c.ignore_label,
              "; it is a label, or −1 for none");
  if (c.ignore_label >= 0) out.ignore_label = c.ignore_label;
  if (!(c.area_thd < 0)) out.area_thd = c.area_thd;  // NaN goes on, to be refused
  SCLIP_CHECK(c.refine >= SCLIP_REFINE_NONE && c.refine <= SCLIP_REFINE_PEARL, kInvalidArgument, "refine is ", c.refine,
              ", which is none of SCLIP_REFINE_*");
  out.refine.kind = static_cast<Refinement::Kind>(c.refine);
  out.refine.iterations = c.refine_iterations;
  out.window_batch = c.window_batch;
  return out;
}

ImageView view_of(const sclip_image& image) {
  SCLIP_CHECK(image.order >= SCLIP_RGB && image.order <= SCLIP_GREY, kInvalidArgument, "the image's order is ",
              image.order, ", which is none of SCLIP_RGB … SCLIP_GREY");
  return {image.pixels, image.width, image.height, image.row_stride, static_cast<ChannelOrder>(image.order)};
}

}  // namespace
}  // namespace sclip::api

using namespace sclip;
using namespace sclip::api;

sclip_status sclip_session_create(const sclip_engine* engine, sclip_session** session) {
  return guarded(__func__, [&] {
    needed(session, "the place for the session");
    *session = nullptr;
    *session = give(std::make_shared<SessionObject>(take<EngineObject>(engine)->engine));
  });
}

sclip_status sclip_session_free(sclip_session* session) {
  return guarded(__func__, [&] { release<SessionObject>(session); });
}

sclip_status sclip_session_trim(sclip_session* session) {
  return guarded(__func__, [&] {
    const auto s = take<SessionObject>(session);
    const Turn turn(*s);
    s->wide_labels = {};
    std::vector<Destination>().swap(s->destinations);
    std::vector<PhotoRequest>().swap(s->requests);
    std::vector<Segmentation>().swap(s->done);
    s->session.trim();
  });
}

sclip_status sclip_segment_options_init(const sclip_engine* engine, sclip_segment_options* options,
                                        size_t struct_size) {
  return guarded(__func__, [&] {
    write_struct(options, to_c(resolve({}, take<EngineObject>(engine)->engine->config())), struct_size,
                 kFirstSegmentOptionsSize, "sclip_segment_options");
  });
}

sclip_status sclip_segment_options_use(sclip_segment_options* options, const char* config) {
  return guarded(__func__, [&] {
    sclip_segment_options& o = needed(options, "options");
    check_size<sclip_segment_options>(o.struct_size, kFirstSegmentOptionsSize, "sclip_segment_options");
    const NamedConfig& c = find_named_config(text(config, "config"));
    o.short_side = c.short_side;
    o.crop = c.crop;
    o.stride = c.stride;
    o.logit_scale = c.logit_scale;
    o.prob_thd = c.prob_thd;
    o.area_thd = c.area_thd.value_or(-1.f);
  });
}

sclip_status sclip_output_init(sclip_output* output, size_t struct_size) {
  return guarded(__func__, [&] { write_struct(output, {}, struct_size, Destination::kFirstSize, "sclip_output"); });
}

sclip_status sclip_session_segment(sclip_session* session, const sclip_bank* bank, const sclip_segment_options* options,
                                   const sclip_image* images, sclip_output* outputs, size_t count,
                                   const sclip_control* control) {
  return guarded(__func__, [&] {
    const auto s = take<SessionObject>(session);
    const auto b = take<BankObject>(bank);
    const Turn turn(*s);
    if (count == 0) return;
    needed(images, "images");
    needed(outputs, "outputs");
    const SegmentOptions& o = options_from(options, *s);
    const Control run(control);
    std::vector<Destination>& destinations = s->destinations;
    std::vector<PhotoRequest>& requests = s->requests;
    destinations.clear();
    requests.clear();
    size_t wide = 0;
    for (size_t i = 0; i < count; ++i) {
      const ImageView view = view_of(images[i]);
      char name[32];
      std::snprintf(name, sizeof(name), "image %zu", i);
      check_image(view, name);
      destinations.emplace_back(outputs[i], *b->bank, o, view.width, view.height);
      if (destinations[i].needs_wide_labels()) wide += destinations[i].pixels();
    }
    if (s->wide_labels.size() < wide) s->wide_labels.resize(wide);
    uint16_t* next = s->wide_labels.data();
    for (size_t i = 0; i < count; ++i) {
      requests.push_back(destinations[i].request(next));
      requests[i].photo = view_of(images[i]);
      if (destinations[i].needs_wide_labels()) next += destinations[i].pixels();
    }
    s->done.resize(std::max(s->done.size(), count));
    const std::span<Segmentation> done(s->done.data(), count);
    s->session.segment(requests, *b->bank, o, done, run.run());
    for (size_t i = 0; i < count; ++i) destinations[i].finish(done[i]);
    destinations.clear();
  });
}

sclip_status sclip_session_read(sclip_session* session, const sclip_image* image, const sclip_segment_options* options,
                                const sclip_control* control, sclip_features** features) {
  return guarded(__func__, [&] {
    needed(features, "the place for the features");
    *features = nullptr;
    const auto s = take<SessionObject>(session);
    const Turn turn(*s);
    const SegmentOptions& o = options_from(options, *s);
    const Control run(control);
    auto object = std::make_shared<FeaturesObject>();
    object->features = s->session.read(view_of(needed(image, "image")), o, run.run());
    *features = give(std::move(object));
  });
}

sclip_status sclip_session_segment_features(sclip_session* session, const sclip_features* features,
                                            const sclip_bank* bank, const sclip_segment_options* options,
                                            sclip_output* output) {
  return guarded(__func__, [&] {
    const auto s = take<SessionObject>(session);
    const auto f = take<FeaturesObject>(features);
    const auto b = take<BankObject>(bank);
    const Turn turn(*s);
    const SegmentOptions& o = options_from(options, *s);
    Destination to(needed(output, "output"), *b->bank, o, f->features->width(), f->features->height());
    if (to.needs_wide_labels() && s->wide_labels.size() < to.pixels()) s->wide_labels.resize(to.pixels());
    if (s->done.empty()) s->done.resize(1);
    s->session.segment(*f->features, *b->bank, o, to.request(s->wide_labels.data()), s->done[0]);
    to.finish(s->done[0]);
  });
}

sclip_status sclip_features_values(sclip_session* session, const sclip_features* features, int32_t* windows,
                                   int32_t* grid_h, int32_t* grid_w, float* values, size_t capacity) {
  return guarded(__func__, [&] {
    const auto s = take<SessionObject>(session);
    const auto object = take<FeaturesObject>(features);
    const PhotoFeatures& f = *object->features;
    const Turn turn(*s);
    if (windows != nullptr) *windows = f.windows();
    if (grid_h != nullptr) *grid_h = f.grid_h();
    if (grid_w != nullptr) *grid_w = f.grid_w();
    if (values == nullptr) return;
    const size_t floats = f.bytes() / sizeof(float);
    SCLIP_CHECK(capacity >= floats, kInvalidArgument, "the memory for the features holds ", capacity,
                " floats, and there are ", floats);
    s->session.copy_features(f, {values, floats});
  });
}

sclip_status sclip_features_free(sclip_features* features) {
  return guarded(__func__, [&] { release<FeaturesObject>(features); });
}

sclip_status sclip_session_embed_texts(sclip_session* session, const char* const* texts, size_t count, int32_t truncate,
                                       float* embeddings) {
  return guarded(__func__, [&] {
    const auto s = take<SessionObject>(session);
    const Turn turn(*s);
    if (count == 0) return;
    needed(texts, "texts");
    needed(embeddings, "embeddings");
    std::vector<std::string> copies;
    for (size_t i = 0; i < count; ++i) copies.emplace_back(text(texts[i], str("text ", i).c_str()));
    const std::vector<float> found = s->session.embed_texts(copies, truncate != 0);
    std::copy(found.begin(), found.end(), embeddings);
  });
}

sclip_status sclip_session_embed_image(sclip_session* session, const sclip_image* image, float* embedding) {
  return guarded(__func__, [&] {
    const auto s = take<SessionObject>(session);
    const Turn turn(*s);
    needed(embedding, "embedding");
    const std::vector<float> found = s->session.embed_image(view_of(needed(image, "image")));
    std::copy(found.begin(), found.end(), embedding);
  });
}

sclip_status sclip_session_classify(sclip_session* session, const sclip_image* image, const sclip_bank* bank,
                                    float logit_scale, float* probabilities) {
  return guarded(__func__, [&] {
    const auto s = take<SessionObject>(session);
    const auto b = take<BankObject>(bank);
    const Turn turn(*s);
    needed(probabilities, "probabilities");
    std::optional<float> scale;
    if (logit_scale != 0) scale = logit_scale;
    const std::vector<float> found = classify(s->session, view_of(needed(image, "image")), *b->bank, scale);
    std::copy(found.begin(), found.end(), probabilities);
  });
}
