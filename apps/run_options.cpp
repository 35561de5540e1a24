#include "apps/run_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/console.h"
#include "apps/model_path.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "engine/dense_head/policy.h"
#include "engine/text/templates.h"

namespace sclip {
namespace {

template <typename Range>
std::string joined_names(const Range& range) {
  std::string out;
  for (const auto& item : range) out += (out.empty() ? "" : ", ") + std::string(item.name);
  return out;
}

std::string joined(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

std::string ascii_lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

void ModelFlags::add_to(CLI::App& app) {
  app.add_option("-m,--model", model, "weights (.sclip); default: $SCLIP_MODEL, or the bundled demo model");
  app.add_option("--device", device, "auto, cpu, cuda or cuda:N; a device named here is used or the run fails")
      ->capture_default_str();
  app.add_option("--precision", precision,
                 "auto, f32, bf16 or f16; auto: bf16 where the processor computes in it, f16 on CUDA")
      ->capture_default_str();
  app.add_flag("--tune-gemm", tune_gemm, "CUDA: time the ways to compute each matrix product, and take the fastest");
  app.add_flag("--cudnn-mlp", cudnn_mlp, "CUDA: cuDNN computes the image tower's MLP activations with their products");
  app.add_option("--threads", threads, "CPU threads; 0: one for each core")->check(CLI::Range(0, 4096));
}

EngineOptions ModelFlags::engine_options() const {
  EngineOptions options;
  options.backend.device = device;
  options.backend.precision = parse_precision(precision);
  options.backend.threads = threads;
  options.backend.tune_gemm = tune_gemm;
  options.backend.cudnn_mlp = cudnn_mlp;
  return options;
}

std::shared_ptr<const Engine> ModelFlags::load() const {
  return Engine::load(find_model(model), engine_options());
}

void ClassFlags::add_to(CLI::App& app) {
  app.add_option_function<std::string>(
      "-c,--classes",
      [this](const std::string& text) {
        classes = text;
        classes_given = true;
      },
      "names: classes separated by ';', synonyms of a class by ','");
  app.add_option(
      "--classes-file", classes_file,
      "a file with a class a line, synonyms separated by ', '; or one built in: " + joined(builtin_class_file_names()));
  app.add_option("--templates", templates,
                 "a file with a prompt template a line, '{}' for the name; none: the bare names; "
                 "default: the 80 of ImageNet");
  app.add_flag("--truncate", truncate, "cut prompts that are too long for the model instead of refusing them");
  app.add_option("--cache-dir", cache_folder,
                 "where text embeddings are kept; default: " + std::string("~/.cache/sclip"));
  app.add_flag("--no-cache", no_cache, "compute the text embeddings anew and do not keep them");
}

ClassList ClassFlags::class_list(std::string_view fallback_file) const {
  SCLIP_CHECK(!classes_given || classes_file.empty(), kInvalidArgument, "give --classes or --classes-file, not both");
  if (classes_given) return parse_class_argument(classes);
  const std::string file = classes_file.empty() ? std::string(fallback_file) : classes_file;
  SCLIP_CHECK(!file.empty(), kInvalidArgument,
              "no classes: give --classes \"sky; building, house; tree\", --classes-file FILE or --config NAME");
  std::error_code error;
  if (!classes_file.empty() && std::filesystem::exists(file, error)) {
    return parse_class_file(read_text_file(file), file);
  }
  const std::string name = file.ends_with(".txt") ? file.substr(0, file.size() - 4) : file;
  const auto names = builtin_class_file_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    fail(ErrorCode::kNotFound, "no class file ", file, ": it is neither a file here nor built in (", joined(names),
         ")");
  }
  return parse_class_file(builtin_class_file(name), name);
}

TextBankOptions ClassFlags::bank_options() const {
  TextBankOptions options;
  options.truncate = truncate;
  if (templates == "none") {
    options.templates = {"{}"};
  } else if (!templates.empty()) {
    options.templates = parse_templates(read_text_file(templates), templates);
  }
  if (!no_cache)
    options.cache_folder = cache_folder.empty() ? default_cache_folder() : std::filesystem::path(cache_folder);
  return options;
}

void SegmentFlags::add_to(CLI::App& app, bool with_scores) {
  app.add_option("--policy", policy, "how the image tower is read out patch by patch\n" + describe_policies())
      ->capture_default_str();
  app.add_option("--short-side", short_side, "pixels of the photo's short side as the model sees it")
      ->check(CLI::Range(1, 8192));
  app.add_option("--crop", crop, "window size in pixels; 0: the whole photo at once")->check(CLI::Range(0, 8192));
  app.add_option("--stride", stride, "distance between windows in pixels")->check(CLI::Range(1, 8192));
  app.add_option("--window-batch", window_batch, "windows in one forward; 0: what suits the backend")
      ->check(CLI::Range(0, 1024));
  if (!with_scores) return;
  app.add_option("--config", config, "a published evaluation's numbers and classes: " + joined_names(named_configs()));
  app.add_option("--logit-scale", logit_scale, "cosines are multiplied by this before the softmax")
      ->check(CLI::Range(0.F, 1e6F));
  app.add_option("--prob-thd", prob_thd, "a pixel whose best score is lower becomes class 0")
      ->check(CLI::Range(0.F, 1.F));
  app.add_option("--area-thd", area_thd, "smallest share that a class must have of the pixels that are not class 0")
      ->check(CLI::Range(0.F, 1.F));
}

SegmentOptions SegmentFlags::options(const ModelConfig& model) const {
  SegmentOptions out;
  if (model.preprocess.short_side > 0) out.short_side = model.preprocess.short_side;
  out.crop = model.preprocess.crop;
  if (model.preprocess.stride > 0) out.stride = model.preprocess.stride;
  if (!config.empty()) {
    const NamedConfig& named = find_named_config(config);
    out.short_side = named.short_side;
    out.logit_scale = named.logit_scale;
    out.prob_thd = named.prob_thd;
    out.area_thd = named.area_thd;
  }
  out.policy = find_policy(policy).spelling();
  out.short_side = short_side.value_or(out.short_side);
  out.crop = crop.value_or(out.crop);
  out.stride = stride.value_or(out.stride);
  out.logit_scale = logit_scale.value_or(out.logit_scale);
  out.prob_thd = prob_thd.value_or(out.prob_thd);
  if (area_thd) out.area_thd = area_thd;
  out.window_batch = window_batch.value_or(out.window_batch);
  return out;
}

std::string_view SegmentFlags::config_class_file() const {
  return config.empty() ? std::string_view() : find_named_config(config).class_file;
}

Precision parse_precision(std::string_view name) {
  for (const Precision precision : {Precision::kAuto, Precision::kF32, Precision::kBF16, Precision::kF16}) {
    if (to_string(precision) == name) return precision;
  }
  fail(ErrorCode::kInvalidArgument, "unknown precision '", name, "': there are auto, f32, bf16 and f16");
}

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::kAuto: return "auto";
    case Precision::kF32: return "f32";
    case Precision::kBF16: return "bf16";
    case Precision::kF16: return "f16";
  }
  return "?";
}

std::vector<std::string> unknown_words(const ModelConfig& model, const ClassList& classes) {
  std::vector<std::string> unknown;
  if (model.known_words.empty()) return unknown;
  for (const std::string& query : classes.queries()) {
    const std::string word = ascii_lower(query);
    const bool known = std::find(model.known_words.begin(), model.known_words.end(), word) != model.known_words.end();
    if (!known && std::find(unknown.begin(), unknown.end(), query) == unknown.end()) unknown.push_back(query);
  }
  return unknown;
}

std::optional<std::string> unknown_words_warning(const ModelConfig& model, const ClassList& classes) {
  constexpr size_t kShown = 5;
  const std::vector<std::string> unknown = unknown_words(model, classes);
  if (unknown.empty()) return std::nullopt;
  std::string list;
  for (size_t i = 0; i < std::min(unknown.size(), kShown); ++i) list += (i == 0 ? "'" : ", '") + unknown[i] + "'";
  if (unknown.size() > kShown) list += " and " + std::to_string(unknown.size() - kShown) + " more";
  return "warning: this model was trained on " + counted(model.known_words.size(), "word") + ", and " + list +
         (unknown.size() == 1 ? " is" : " are") +
         " not among them; scores there mean nothing (sclip info lists the words)";
}

std::string options_hash(const Engine& engine, const TextBankOptions& bank, const ClassList& classes,
                         const SegmentOptions& options, const std::vector<std::string>& outputs) {
  using Json = nlohmann::ordered_json;
  const Json what = {
      {"version", SCLIP_VERSION},
      {"model", engine.blob().sha256()},
      {"device", std::string(engine.backend().name())},
      {"activations", std::string(to_string(engine.backend().activation_dtype()))},
      {"class_names", classes.class_names()},
      {"queries", classes.queries()},
      {"query_class", classes.query_class()},
      {"templates", bank.templates},
      {"truncate", bank.truncate},
      {"policy", options.policy},
      {"sizes", {options.short_side, options.long_limit, options.crop, options.stride}},
      {"logit_scale", options.logit_scale},
      {"prob_thd", options.prob_thd},
      {"area_thd", options.area_thd ? Json(*options.area_thd) : Json()},
      {"outputs", outputs},
  };
  // Names may be any bytes; what is not UTF-8 is replaced, which is good enough for telling runs apart.
  Sha256 hash;
  hash.update(what.dump(-1, ' ', false, Json::error_handler_t::replace));
  return hash.hex();
}

}  // namespace sclip
