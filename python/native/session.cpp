// Sessions, results and features.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "python/native/module.h"

namespace {

// Options by name, as Python's keyword arguments have them. None leaves what the model or the configuration says.
struct Options {
  std::optional<std::string> config;
  std::string policy = "sclip";
  std::optional<int32_t> short_side, crop, stride, ignore_label, window_batch;
  std::optional<bool> squash;
  std::optional<float> temperature, logit_scale, prob_thd, area_thd;
  std::optional<std::string> refine;
  std::optional<int32_t> refine_iterations;

  sclip_segment_options over(sclip_segment_options o) const {
    if (config) sclip::detail::check(sclip_segment_options_use(&o, config->c_str()));
    o.policy = policy.c_str();
    const auto set = [](auto& field, const auto& value) {
      if (value) field = *value;
    };
    set(o.short_side, short_side);
    set(o.crop, crop);
    set(o.stride, stride);
    if (squash) o.squash = *squash ? 1 : 0;
    set(o.temperature, temperature);
    set(o.ignore_label, ignore_label);
    set(o.window_batch, window_batch);
    set(o.logit_scale, logit_scale);
    set(o.prob_thd, prob_thd);
    set(o.area_thd, area_thd);
    if (refine && *refine != "none" && *refine != "pamr" && *refine != "pearl") {
      throw nb::value_error("refine is 'none', 'pamr' or 'pearl'");
    }
    if (refine)
      o.refine = *refine == "pamr" ? SCLIP_REFINE_PAMR : *refine == "pearl" ? SCLIP_REFINE_PEARL : SCLIP_REFINE_NONE;
    if (o.refine == SCLIP_REFINE_PEARL) o.refine_iterations = 25;
    set(o.refine_iterations, refine_iterations);
    return o;
  }
};

template <typename T>
auto view_of(nb::handle owner, std::span<const T> values, size_t height, size_t width) {
  return nb::ndarray<nb::numpy, const T>(values.data(), {height, width}, owner);
}

}  // namespace

void bind_session(nb::module_& m) {
  nb::class_<Options>(m, "Options")
      .def(nb::init<>())
      .def_rw("config", &Options::config, nb::arg().none())
      .def_rw("policy", &Options::policy)
      .def_rw("short_side", &Options::short_side, nb::arg().none())
      .def_rw("crop", &Options::crop, nb::arg().none())
      .def_rw("stride", &Options::stride, nb::arg().none())
      .def_rw("squash", &Options::squash, nb::arg().none())
      .def_rw("temperature", &Options::temperature, nb::arg().none())
      .def_rw("ignore_label", &Options::ignore_label, nb::arg().none())
      .def_rw("window_batch", &Options::window_batch, nb::arg().none())
      .def_rw("logit_scale", &Options::logit_scale, nb::arg().none())
      .def_rw("prob_thd", &Options::prob_thd, nb::arg().none())
      .def_rw("area_thd", &Options::area_thd, nb::arg().none())
      .def_rw("refine", &Options::refine, nb::arg().none())
      .def_rw("refine_iterations", &Options::refine_iterations, nb::arg().none());

  nb::class_<sclip::Result>(m, "Result")
      .def_prop_ro("width", &sclip::Result::width)
      .def_prop_ro("height", &sclip::Result::height)
      .def_prop_ro("labels",
                   [](nb::handle self) {
                     const auto& r = nb::cast<const sclip::Result&>(self);
                     return view_of(self, r.labels(), static_cast<size_t>(r.height()), static_cast<size_t>(r.width()));
                   })
      .def_prop_ro("scores",
                   [](nb::handle self) {
                     const auto& r = nb::cast<const sclip::Result&>(self);
                     return view_of(self, r.scores(), static_cast<size_t>(r.height()), static_cast<size_t>(r.width()));
                   })
      .def_prop_ro("statistics", [](const sclip::Result& r) {
        std::vector<std::tuple<int64_t, double, float>> out;
        for (const sclip_class_statistics& c : r.classes()) out.emplace_back(c.pixels, c.mean_score, c.max_score);
        return out;
      });

  nb::class_<sclip::Features>(m, "Features");

  nb::class_<sclip::Session>(m, "Session")
      .def(nb::init<const sclip::Engine&>(), nb::arg("engine"))
      .def(
          "segment",
          [](sclip::Session& session, const std::vector<PixelArray>& photos, const std::string& order,
             const sclip::Bank& bank, const Options& options) {
            std::vector<sclip::Image> images;
            for (const PixelArray& photo : photos) images.push_back(image_of(photo, order));
            const nb::gil_scoped_release released;
            return session.segment(images, bank, options.over(session.options()));
          },
          nb::arg("photos"), nb::arg("order"), nb::arg("bank"), nb::arg("options"))
      .def(
          "logits",
          [](sclip::Session& session, const PixelArray& photo, const std::string& order, const sclip::Bank& bank,
             const Options& options) {
            const sclip::Image image = image_of(photo, order);
            std::vector<float> planes(bank.queries() * static_cast<size_t>(image.width) *
                                      static_cast<size_t>(image.height));
            {
              const nb::gil_scoped_release released;
              sclip_output output{};
              sclip::detail::check(sclip_output_init(&output, sizeof(output)));
              output.logits = planes.data();
              session.segment(image, bank, options.over(session.options()), output);
            }
            return to_array(std::move(planes), bank.queries(), image.height, image.width);
          },
          nb::arg("photo"), nb::arg("order"), nb::arg("bank"), nb::arg("options"))
      .def(
          "read",
          [](sclip::Session& session, const PixelArray& photo, const std::string& order, const Options& options) {
            const sclip::Image image = image_of(photo, order);
            const nb::gil_scoped_release released;
            return session.read(image, options.over(session.options()));
          },
          nb::arg("photo"), nb::arg("order"), nb::arg("options"))
      .def(
          "segment_features",
          [](sclip::Session& session, const sclip::Features& features, const sclip::Bank& bank,
             const Options& options) {
            const nb::gil_scoped_release released;
            return session.segment(features, bank, options.over(session.options()));
          },
          nb::arg("features"), nb::arg("bank"), nb::arg("options"))
      .def(
          "feature_values",
          [](sclip::Session& session, const sclip::Features& features, int embed_dim) {
            int32_t windows = 0, h = 0, w = 0;
            sclip::detail::check(sclip_features_values(session.get(), features.get(), &windows, &h, &w, nullptr, 0));
            std::vector<float> values(static_cast<size_t>(windows) * static_cast<size_t>(h) * static_cast<size_t>(w) *
                                      static_cast<size_t>(embed_dim));
            sclip::detail::check(sclip_features_values(session.get(), features.get(), nullptr, nullptr, nullptr,
                                                       values.data(), values.size()));
            return to_array(std::move(values), windows, h, w, embed_dim);
          },
          nb::arg("features"), nb::arg("embed_dim"))
      .def(
          "embed_texts",
          [](sclip::Session& session, const std::vector<std::string>& texts, int embed_dim, bool truncate) {
            std::vector<float> out;
            {
              const nb::gil_scoped_release released;
              out = session.embed_texts(texts, embed_dim, truncate);
            }
            return to_array(std::move(out), texts.size(), embed_dim);
          },
          nb::arg("texts"), nb::arg("embed_dim"), nb::arg("truncate"))
      .def(
          "embed_image",
          [](sclip::Session& session, const PixelArray& photo, const std::string& order, int embed_dim) {
            const sclip::Image image = image_of(photo, order);
            std::vector<float> out;
            {
              const nb::gil_scoped_release released;
              out = session.embed_image(image, embed_dim);
            }
            return to_array(std::move(out), embed_dim);
          },
          nb::arg("photo"), nb::arg("order"), nb::arg("embed_dim"))
      .def(
          "classify",
          [](sclip::Session& session, const PixelArray& photo, const std::string& order, const sclip::Bank& bank,
             float logit_scale) {
            const sclip::Image image = image_of(photo, order);
            std::vector<float> out;
            {
              const nb::gil_scoped_release released;
              out = session.classify(image, bank, logit_scale);
            }
            return to_array(std::move(out), bank.classes());
          },
          nb::arg("photo"), nb::arg("order"), nb::arg("bank"), nb::arg("logit_scale"))
      .def("trim", &sclip::Session::trim);
}
