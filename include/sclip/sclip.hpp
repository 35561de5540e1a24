// sclip for C++20: RAII over the C library (sclip.h), header-only. Exceptions are thrown here and nowhere else.
//
//   sclip::Engine engine("model.sclip");
//   sclip::Bank bank(engine, "sky; tree, trees; person");
//   sclip::Session session(engine);
//   sclip::Result result = session.segment({.pixels = rgb, .width = w, .height = h}, bank);
//   result.labels();     // (H, W) class numbers
//
// Objects are moved, not copied; each frees its own handle, in any order. Engine, Bank, Features and Result may be used
// by any number of threads at once, a Session by one at a time: a second one meanwhile gets Error with SCLIP_BUSY.
// Spans live as long as the object that gave them. What sclip.h says of a call holds here.
#ifndef SCLIP_SCLIP_HPP
#define SCLIP_SCLIP_HPP

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sclip/sclip.h"

namespace sclip {

// A status that is not SCLIP_OK, with its sentence.
class Error : public std::runtime_error {
 public:
  explicit Error(sclip_status status) : std::runtime_error(sclip_last_error()), status_(status) {}
  sclip_status status() const noexcept { return status_; }

 private:
  sclip_status status_;
};

// What a long call may be told, and tells. Exceptions of the functions end the call, and come out of it.
struct Control {
  std::function<void(double done_share)> progress{};
  std::function<bool()> should_stop{};
};

namespace detail {

inline void check(sclip_status status) {
  if (status != SCLIP_OK) throw Error(status);
}

// A handle that is freed with its owner.
template <typename Handle, sclip_status (*kFree)(Handle*)>
class Owned {
 public:
  Owned() = default;
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() { kFree(handle_); }
  Handle* get() const { return handle_; }
  Handle** out() { return &handle_; }

 private:
  Handle* handle_ = nullptr;
};

// `Control` as C callbacks. An exception waits until the call has returned.
class Callbacks {
 public:
  explicit Callbacks(const Control& control) : control_(control) {
    check(sclip_control_init(&c_, sizeof(c_)));
    c_.user = this;
    c_.progress = [](double share, void* user) {
      static_cast<Callbacks*>(user)->attempt([&](const Control& c) {
        if (c.progress) c.progress(share);
        return false;
      });
    };
    c_.should_stop = [](void* user) -> int {
      auto* const self = static_cast<Callbacks*>(user);
      return self->attempt([](const Control& c) { return c.should_stop && c.should_stop(); }) || self->thrown_ ? 1 : 0;
    };
  }
  const sclip_control* c() const { return control_.progress || control_.should_stop ? &c_ : nullptr; }
  void check_call(sclip_status status) const {
    if (thrown_) std::rethrow_exception(thrown_);
    check(status);
  }

 private:
  template <typename Body>
  bool attempt(const Body& body) noexcept {
    if (thrown_) return false;
    try {
      return body(control_);
    } catch (...) {
      thrown_ = std::current_exception();
      return false;
    }
  }

  const Control& control_;
  sclip_control c_{};
  std::exception_ptr thrown_;
};

}  // namespace detail

// A picture of the caller's: sclip_image with the order that most programs have.
struct Image {
  const uint8_t* pixels = nullptr;
  int32_t width = 0, height = 0;
  int64_t row_stride = 0;
  int32_t order = SCLIP_RGB;

  sclip_image c() const { return {pixels, width, height, row_stride, order}; }
};

struct EngineOptions {
  std::string device = "auto";
  int32_t precision = SCLIP_PRECISION_AUTO;
  int32_t threads = 0;
  bool verify = true;
};

class Engine {
 public:
  explicit Engine(const std::string& path, const EngineOptions& options = {}) {
    const sclip_engine_options o = to_c(options);
    detail::check(sclip_engine_load(path.c_str(), &o, handle_.out()));
  }
  // A model in memory; copied.
  Engine(std::span<const std::byte> bytes, const std::string& name, const EngineOptions& options = {}) {
    const sclip_engine_options o = to_c(options);
    detail::check(sclip_engine_load_bytes(bytes.data(), bytes.size(), name.c_str(), 0, &o, handle_.out()));
  }
  sclip_engine_facts facts() const {
    sclip_engine_facts out{};
    detail::check(sclip_engine_describe(handle_.get(), &out, sizeof(out)));
    return out;
  }
  sclip_engine* get() const { return handle_.get(); }

 private:
  static sclip_engine_options to_c(const EngineOptions& options) {
    sclip_engine_options o{};
    detail::check(sclip_engine_options_init(&o, sizeof(o)));
    o.device = options.device.c_str();
    o.precision = options.precision;
    o.threads = options.threads;
    o.verify = options.verify ? 1 : 0;
    return o;
  }

  detail::Owned<sclip_engine, sclip_engine_free> handle_;
};

struct BankOptions {
  std::vector<std::string> templates{};  // empty: the 80 of ImageNet
  std::optional<std::string> cache_folder{};
  bool truncate = false;
  Control control{};
};

// The words.
class Bank {
 public:
  // "sky; tree, trees; person"
  Bank(const Engine& engine, const std::string& classes, const BankOptions& options = {}) {
    make(options, [&](const sclip_bank_options& o, const sclip_control* control) {
      return sclip_bank_from_text(engine.get(), classes.c_str(), &o, control, handle_.out());
    });
  }
  // A list of names for each class, the first of which it is called by.
  Bank(const Engine& engine, const std::vector<std::vector<std::string>>& classes, const BankOptions& options = {}) {
    std::vector<const char*> names, queries;
    std::vector<int32_t> query_class;
    for (const std::vector<std::string>& words : classes) {
      names.push_back(words.empty() ? "" : words[0].c_str());
      for (const std::string& word : words) {
        queries.push_back(word.c_str());
        query_class.push_back(static_cast<int32_t>(names.size()) - 1);
      }
    }
    make(options, [&](const sclip_bank_options& o, const sclip_control* control) {
      return sclip_bank_from_queries(engine.get(), queries.data(), query_class.data(), queries.size(), names.data(),
                                     names.size(), &o, control, handle_.out());
    });
  }
  // A built-in list: "voc21".
  static Bank builtin(const Engine& engine, const std::string& name, const BankOptions& options = {}) {
    Bank out;
    out.make(options, [&](const sclip_bank_options& o, const sclip_control* control) {
      return sclip_bank_from_class_file(engine.get(), name.c_str(), 0, &o, control, out.handle_.out());
    });
    return out;
  }

  size_t classes() const {
    size_t out = 0;
    detail::check(sclip_bank_class_count(handle_.get(), &out));
    return out;
  }
  std::string class_name(size_t index) const {
    const char* out = nullptr;
    detail::check(sclip_bank_class_name(handle_.get(), index, &out));
    return out;
  }
  size_t queries() const {
    size_t out = 0;
    detail::check(sclip_bank_query_count(handle_.get(), &out));
    return out;
  }
  sclip_bank* get() const { return handle_.get(); }

 private:
  Bank() = default;
  template <typename Make>
  void make(const BankOptions& options, const Make& call) {
    std::vector<const char*> templates;
    for (const std::string& text : options.templates) templates.push_back(text.c_str());
    sclip_bank_options o{};
    detail::check(sclip_bank_options_init(&o, sizeof(o)));
    if (!templates.empty()) o.templates = templates.data();
    o.template_count = templates.size();
    if (options.cache_folder) o.cache_folder = options.cache_folder->c_str();
    o.truncate = options.truncate ? 1 : 0;
    const detail::Callbacks callbacks(options.control);
    callbacks.check_call(call(o, callbacks.c()));
  }

  detail::Owned<sclip_bank, sclip_bank_free> handle_;
};

// Labels, scores and statistics of a photo.
class Result {
 public:
  int32_t width() const { return size().first; }
  int32_t height() const { return size().second; }
  std::span<const uint16_t> labels() const {
    const uint16_t* out = nullptr;
    detail::check(sclip_result_labels(handle_.get(), &out));
    return {out, pixels()};
  }
  std::span<const float> scores() const {
    const float* out = nullptr;
    detail::check(sclip_result_scores(handle_.get(), &out));
    return {out, pixels()};
  }
  std::span<const sclip_class_statistics> classes() const {
    const sclip_class_statistics* out = nullptr;
    size_t count = 0;
    detail::check(sclip_result_classes(handle_.get(), &out, &count));
    return {out, count};
  }

 private:
  friend class Session;
  std::pair<int32_t, int32_t> size() const {
    std::pair<int32_t, int32_t> out;
    detail::check(sclip_result_size(handle_.get(), &out.first, &out.second));
    return out;
  }
  size_t pixels() const { return static_cast<size_t>(width()) * static_cast<size_t>(height()); }

  detail::Owned<sclip_result, sclip_result_free> handle_;
};

// What the image tower found in a photo, for any words.
class Features {
 public:
  sclip_features* get() const { return handle_.get(); }

 private:
  friend class Session;
  detail::Owned<sclip_features, sclip_features_free> handle_;
};

class Session {
 public:
  explicit Session(const Engine& engine) {
    detail::check(sclip_session_create(engine.get(), handle_.out()));
    detail::check(sclip_segment_options_init(engine.get(), &usual_, sizeof(usual_)));
  }
  // The options that calls take without any: a copy to change.
  sclip_segment_options options() const { return usual_; }

  Result segment(const Image& photo, const Bank& bank, const Control& control = {}) {
    return segment(photo, bank, usual_, control);
  }
  Result segment(const Image& photo, const Bank& bank, const sclip_segment_options& options,
                 const Control& control = {}) {
    return std::move(segment(std::span(&photo, 1), bank, options, control)[0]);
  }
  // Several photos share forwards.
  std::vector<Result> segment(std::span<const Image> photos, const Bank& bank, const sclip_segment_options& options,
                              const Control& control = {}) {
    std::vector<Result> results(photos.size());
    std::vector<sclip_image> images;
    std::vector<sclip_output> outputs(photos.size());
    for (size_t i = 0; i < photos.size(); ++i) {
      images.push_back(photos[i].c());
      detail::check(sclip_output_init(&outputs[i], sizeof(outputs[i])));
      outputs[i].result = results[i].handle_.out();
    }
    const detail::Callbacks callbacks(control);
    callbacks.check_call(sclip_session_segment(handle_.get(), bank.get(), &options, images.data(), outputs.data(),
                                               images.size(), callbacks.c()));
    return results;
  }
  // Into memory of the caller's.
  void segment(const Image& photo, const Bank& bank, const sclip_segment_options& options, sclip_output& output,
               const Control& control = {}) {
    const sclip_image image = photo.c();
    const detail::Callbacks callbacks(control);
    callbacks.check_call(sclip_session_segment(handle_.get(), bank.get(), &options, &image, &output, 1, callbacks.c()));
  }

  Features read(const Image& photo, const Control& control = {}) { return read(photo, usual_, control); }
  Features read(const Image& photo, const sclip_segment_options& options, const Control& control = {}) {
    Features out;
    const sclip_image image = photo.c();
    const detail::Callbacks callbacks(control);
    callbacks.check_call(sclip_session_read(handle_.get(), &image, &options, callbacks.c(), out.handle_.out()));
    return out;
  }
  Result segment(const Features& features, const Bank& bank) { return segment(features, bank, usual_); }
  Result segment(const Features& features, const Bank& bank, const sclip_segment_options& options) {
    Result out;
    sclip_output output{};
    detail::check(sclip_output_init(&output, sizeof(output)));
    output.result = out.handle_.out();
    detail::check(sclip_session_segment_features(handle_.get(), features.get(), bank.get(), &options, &output));
    return out;
  }

  // (texts, E)
  std::vector<float> embed_texts(std::span<const std::string> texts, int32_t embed_dim, bool truncate = false) {
    std::vector<const char*> pointers;
    for (const std::string& text : texts) pointers.push_back(text.c_str());
    std::vector<float> out(texts.size() * static_cast<size_t>(embed_dim));
    detail::check(
        sclip_session_embed_texts(handle_.get(), pointers.data(), pointers.size(), truncate ? 1 : 0, out.data()));
    return out;
  }
  std::vector<float> embed_image(const Image& photo, int32_t embed_dim) {
    std::vector<float> out(static_cast<size_t>(embed_dim));
    const sclip_image image = photo.c();
    detail::check(sclip_session_embed_image(handle_.get(), &image, out.data()));
    return out;
  }
  // (classes of the bank)
  std::vector<float> classify(const Image& photo, const Bank& bank, float logit_scale = 0) {
    std::vector<float> out(bank.classes());
    const sclip_image image = photo.c();
    detail::check(sclip_session_classify(handle_.get(), &image, bank.get(), logit_scale, out.data()));
    return out;
  }
  void trim() { detail::check(sclip_session_trim(handle_.get())); }
  sclip_session* get() const { return handle_.get(); }

 private:
  detail::Owned<sclip_session, sclip_session_free> handle_;
  sclip_segment_options usual_{};
};

struct PictureSize {
  int32_t width, height;
};
// Of a picture file, upright, from its header: nothing is decoded.
inline PictureSize picture_size(std::span<const std::byte> bytes, const std::string& name) {
  PictureSize out{};
  detail::check(sclip_picture_size(bytes.data(), bytes.size(), name.c_str(), &out.width, &out.height));
  return out;
}

// A picture file as RGB pixels.
class Picture {
 public:
  explicit Picture(const std::string& path) { detail::check(sclip_picture_load(path.c_str(), handle_.out())); }
  Picture(std::span<const std::byte> bytes, const std::string& name) {
    detail::check(sclip_picture_decode(bytes.data(), bytes.size(), name.c_str(), handle_.out()));
  }
  Image image() const {
    sclip_image out{};
    detail::check(sclip_picture_image(handle_.get(), &out));
    return {out.pixels, out.width, out.height, out.row_stride, out.order};
  }

 private:
  detail::Owned<sclip_picture, sclip_picture_free> handle_;
};

// A PNG with the palette that the command uses for these classes.
inline std::vector<std::byte> encode_mask(std::span<const uint16_t> labels, int32_t width, int32_t height,
                                          const Bank& bank) {
  if (labels.size() != static_cast<size_t>(width) * static_cast<size_t>(height))
    throw std::invalid_argument("encode_mask: the labels are not width × height");
  detail::Owned<sclip_bytes, sclip_bytes_free> bytes;
  detail::check(sclip_encode_mask(labels.data(), width, height, bank.get(), bytes.out()));
  const void* data = nullptr;
  size_t size = 0;
  detail::check(sclip_bytes_data(bytes.get(), &data, &size));
  const auto* const first = static_cast<const std::byte*>(data);
  return {first, first + size};
}

}  // namespace sclip

#endif
