#include "apps/run_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <system_error>

#include "apps/model_path.h"
#include "core/file.h"
#include "core/find_named.h"
#include "sclip/error.h"
#include "sclip/policies.h"
#include "sclip/recipes.h"
#include "sclip/templates.h"

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

std::string joined_methods() {
  std::string out, last;
  for (const Recipe& recipe : recipes()) {
    if (recipe.method == last) continue;
    last = recipe.method;
    out += (out.empty() ? "" : ", ") + last;
  }
  return out;
}

}  // namespace

void ModelFlags::add_to(CLI::App& app) {
  app.add_option("-m,--model", model, "weights (.sclip)");
  app.add_option("--device", device, "auto, cpu, cuda or cuda:N; a device named here is used or the run fails")
      ->capture_default_str();
  app.add_option("--precision", precision,
                 "auto, f32, bf16, f16 or fp8 (CUDA devices of 9.0); auto: bf16 where the processor computes in it, "
                 "f16 on CUDA")
      ->capture_default_str();
  app.add_flag("--tune", tune,
               "CUDA: measure what can compute each matrix product and how many windows go together, and take the "
               "fastest; kept in the cache folder for the next run with --tune");
  app.add_flag("--cudnn-mlp", cudnn_mlp, "CUDA: cuDNN computes the image tower's MLP activations with their products");
  app.add_option("--threads", threads, "CPU threads; 0: one for each core; at most 4 for each")
      ->check(CLI::NonNegativeNumber);
}

EngineOptions ModelFlags::engine_options() const {
  EngineOptions options;
  options.backend.device = device;
  options.backend.precision = parse_precision(precision);
  options.backend.threads = threads;
  options.backend.tune = tune;
  if (const auto folder = default_cache_folder(); tune && folder) {
    options.backend.tune_file = *folder / ("tuning_" + std::string(device == "auto" ? "cuda" : device) + ".tsv");
  }
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
      "names: classes separated by ';', synonyms of a class by ','; 'background = sky, wall' is called background "
      "and looks for the others; \"black, white\" quotes a name that holds one of these");
  app.add_option(
      "--classes-file", classes_file,
      "a file with a class a line, as in --classes but with ', ' between synonyms, '#' before a remark; or a built-in "
      "list: " +
          joined(builtin_class_file_names()));
  app.add_flag("--no-background", no_background,
               "a single class is looked for alone, and not beside the background words of voc21");
  app.add_option("--templates", templates,
                 "a file with a prompt template a line, '{}' for the name; none: the bare names");
  app.add_flag("--truncate", truncate, "cut prompts that are too long for the model instead of refusing them");
  app.add_option("--cache-dir", cache_folder, "where text embeddings are kept");
  app.add_flag("--no-cache", no_cache, "compute the text embeddings anew and do not keep them");
}

ClassList ClassFlags::class_list(std::string_view fallback_file) const {
  SCLIP_CHECK(!classes_given || classes_file.empty(), kInvalidArgument, "give --classes or --classes-file, not both");
  if (classes_given) return parse_class_argument(classes);
  const std::string file = classes_file.empty() ? std::string(fallback_file) : classes_file;
  SCLIP_CHECK(!file.empty(), kInvalidArgument,
              "no classes: give --classes \"sky; building, house; tree\", --classes-file FILE or --config NAME");
  const std::string name = file.ends_with(".txt") ? file.substr(0, file.size() - 4) : file;
  const auto names = builtin_class_file_names();
  const bool built_in = std::find(names.begin(), names.end(), name) != names.end();
  std::error_code error;
  const auto here = std::filesystem::status(file, error);
  // A data set's folder is often called like its list.
  if (!classes_file.empty() && std::filesystem::exists(here) && !(built_in && std::filesystem::is_directory(here))) {
    ClassList list = parse_class_file(read_text_file(file), file);
    if (built_in) {
      list.add_warning(str("the file ", file, " here was read, not the built-in list of that name: write ./", file,
                           " to say so, or rename the file to have the list"));
    }
    return list;
  }
  SCLIP_CHECK(built_in, kNotFound, "no class file ", file, ": it is neither a file here nor a built-in list; ",
              name_advice(name, names));
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
    options.cache_folder =
        cache_folder.empty() ? default_cache_folder() : std::optional<std::filesystem::path>(cache_folder);
  return options;
}

void SegmentFlags::add_to(CLI::App& app, bool with_scores) {
  SegmentRequest& r = request;
  app.add_option("--policy", r.policy, "how the image tower is read out patch by patch\n" + describe_policies());
  app.add_option("--policy-option", r.policy_options, "OPTION=VALUE of the policy, as in NAME:OPTION=VALUE; repeat it")
      ->allow_extra_args(false);
  app.add_option("--temperature", r.temperature,
                 "divides the scores of the last block's attention, of every policy that has scores; below 1 sharpens")
      ->check(CLI::PositiveNumber);
  app.add_option("--protocol", r.protocol,
                 "short side, crop and stride of a row of the paper's Table 4: " + joined_names(named_protocols()));
  app.add_option("--short-side", r.short_side,
                 "pixels of the photo's short side as the model sees it; less where the long side would have over 2048")
      ->check(CLI::Range(1, 8192));
  app.add_option("--fit", r.fit,
                 "short-side: the photo keeps its shape; squash: it becomes a square of --short-side pixels");
  app.add_option("--crop", r.crop, "window size in pixels; 0: the whole photo at once")->check(CLI::Range(0, 8192));
  app.add_option("--stride", r.stride, "distance between windows in pixels")->check(CLI::Range(1, 8192));
  app.add_option("--window-batch", r.window_batch, "windows in one forward; 0: what suits the backend")
      ->check(CLI::Range(0, 1024));
  if (!with_scores) return;
  app.add_option("--config", r.config,
                 "a published evaluation's numbers and classes: " + joined_names(named_configs()));
  app.add_option("--recipe", r.recipe,
                 "a method's published setting for the data set of --config: policy and options, sizes, thresholds, "
                 "refinement, class names: " +
                     joined_methods());
  app.add_option("--logit-scale", r.logit_scale, "cosines are multiplied by this before the softmax")
      ->check(CLI::Range(0.F, 1e6F));
  app.add_option("--prob-thd", r.prob_thd, "a pixel whose best score is lower becomes class 0")
      ->check(CLI::Range(0.F, 1.F));
  app.add_option("--ignore-label", r.ignore_label, "… or gets this label, which is no class's (255, say)")
      ->check(CLI::Range(0, 65535));
  app.add_option("--ignore-name", ignore_name, "what the pixels with that label are called")->capture_default_str();
  app.add_option("--area-thd", r.area_thd, "smallest share that a class must have of the pixels that are not class 0")
      ->check(CLI::Range(0.F, 1.F));
  app.add_option(
      "--refine", r.refine,
      "none; pamr: smooth along what looks alike in the photo; or pearl: carry sure labels on to where the photo has "
      "an edge");
  app.add_option("--refine-iterations", r.refine_iterations, "of the refinement")->check(CLI::Range(0, 1000));
  app.add_option("--refine-dilations", r.refine_dilations,
                 "distances in pixels to the neighbours of the refinement pamr, one or two")
      ->check(CLI::Range(1, 32))
      ->delimiter(',')
      ->expected(1, 2);
  app.add_option("--refine-cells", r.refine_cells, "of the grid of the refinement pearl, about as many a side")
      ->check(CLI::Range(1, 1024));
}

std::string_view SegmentFlags::config_class_file() const {
  if (!request.recipe.empty()) return find_recipe(request.recipe, request.config).setting.class_file;
  return request.config.empty() ? std::string_view() : find_named_config(request.config).class_file;
}

std::string_view SegmentFlags::recipe_prompt() const {
  return request.recipe.empty() ? std::string_view() : find_recipe(request.recipe, request.config).prompt;
}

}  // namespace sclip
