// Engines and banks.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "python/native/module.h"

namespace {

int32_t precision_from(const std::string& name) {
  if (name == "auto") return SCLIP_PRECISION_AUTO;
  if (name == "f32") return SCLIP_PRECISION_F32;
  if (name == "bf16") return SCLIP_PRECISION_BF16;
  if (name == "f16") return SCLIP_PRECISION_F16;
  if (name == "fp8") return SCLIP_PRECISION_FP8;
  throw nb::value_error("the precision is 'auto', 'f32', 'bf16', 'f16' or 'fp8'");
}

const char* to_name(int32_t precision) {
  switch (precision) {
    case SCLIP_PRECISION_BF16: return "bf16";
    case SCLIP_PRECISION_F16: return "f16";
    case SCLIP_PRECISION_FP8: return "fp8";
    default: return "f32";
  }
}

}  // namespace

void bind_engine(nb::module_& m) {
  nb::class_<sclip::Engine>(m, "Engine")
      .def(
          "__init__",
          [](sclip::Engine* self, const std::string& path, const std::string& device, const std::string& precision,
             int threads) {
            const sclip::EngineOptions options{
                .device = device, .precision = precision_from(precision), .threads = threads};
            const nb::gil_scoped_release released;
            new (self) sclip::Engine(path, options);
          },
          nb::arg("path"), nb::arg("device") = "auto", nb::arg("precision") = "auto", nb::arg("threads") = 0)
      .def_prop_ro("model", [](const sclip::Engine& e) { return std::string(e.facts().model); })
      .def_prop_ro("licence", [](const sclip::Engine& e) { return std::string(e.facts().licence); })
      .def_prop_ro("sha256", [](const sclip::Engine& e) { return std::string(e.facts().sha256); })
      .def_prop_ro("device", [](const sclip::Engine& e) { return std::string(e.facts().device); })
      .def_prop_ro("device_description",
                   [](const sclip::Engine& e) { return std::string(e.facts().device_description); })
      .def_prop_ro("precision", [](const sclip::Engine& e) { return std::string(to_name(e.facts().precision)); })
      .def_prop_ro("embed_dim", [](const sclip::Engine& e) { return e.facts().embed_dim; })
      .def_prop_ro("logit_scale", [](const sclip::Engine& e) { return e.facts().logit_scale; });

  nb::class_<sclip::Bank>(m, "Bank")
      .def(
          "__init__",
          [](sclip::Bank* self, const sclip::Engine& engine, const std::vector<std::vector<std::string>>& classes,
             const std::vector<std::string>& templates, const std::optional<std::string>& cache_folder, bool truncate) {
            const nb::gil_scoped_release released;
            new (self) sclip::Bank(
                engine, classes,
                {.templates = templates, .cache_folder = cache_folder, .truncate = truncate, .control = {}});
          },
          nb::arg("engine"), nb::arg("classes"), nb::arg("templates") = std::vector<std::string>(),
          nb::arg("cache_folder") = nb::none(), nb::arg("truncate") = false)
      .def_static(
          "parse",
          [](const sclip::Engine& engine, const std::string& classes, const std::vector<std::string>& templates,
             const std::optional<std::string>& cache_folder, bool truncate) {
            const nb::gil_scoped_release released;
            return sclip::Bank(
                engine, classes,
                {.templates = templates, .cache_folder = cache_folder, .truncate = truncate, .control = {}});
          },
          nb::arg("engine"), nb::arg("classes"), nb::arg("templates") = std::vector<std::string>(),
          nb::arg("cache_folder") = nb::none(), nb::arg("truncate") = false)
      .def_static(
          "builtin",
          [](const sclip::Engine& engine, const std::string& name, const std::vector<std::string>& templates,
             const std::optional<std::string>& cache_folder) {
            const nb::gil_scoped_release released;
            return sclip::Bank::builtin(
                engine, name, {.templates = templates, .cache_folder = cache_folder, .truncate = false, .control = {}});
          },
          nb::arg("engine"), nb::arg("name"), nb::arg("templates") = std::vector<std::string>(),
          nb::arg("cache_folder") = nb::none())
      .def_prop_ro("class_names",
                   [](const sclip::Bank& bank) {
                     std::vector<std::string> out;
                     for (size_t i = 0; i < bank.classes(); ++i) out.push_back(bank.class_name(i));
                     return out;
                   })
      .def_prop_ro("queries", &sclip::Bank::queries);
}
