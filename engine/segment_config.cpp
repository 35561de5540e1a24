#include "sclip/segment_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/find_named.h"
#include "core/hash.h"
#include "core/utf8.h"
#include "core/version.h"
#include "engine/dense_head/policy.h"
#include "sclip/engine.h"
#include "sclip/error.h"
#include "sclip/recipes.h"
#include "sclip/text_bank.h"

namespace sclip {
namespace {

// The authors' published configurations; docs/numerics.md gives the table.
constexpr std::array kConfigs = {
    NamedConfig{"voc21", "voc21", 336, 224, 112, 65.f, 0.1f, 0.1f},
    NamedConfig{"voc20", "voc20", 336, 224, 112, 40.f, 0.f, std::nullopt},
    NamedConfig{"context60", "context60", 336, 224, 112, 50.f, 0.1f, std::nullopt},
    NamedConfig{"context59", "context59", 336, 224, 112, 40.f, 0.f, std::nullopt},
    NamedConfig{"coco_object", "coco_object", 336, 224, 112, 50.f, 0.1f, std::nullopt},
    NamedConfig{"coco_stuff", "coco_stuff", 448, 224, 112, 40.f, 0.f, std::nullopt},
    NamedConfig{"ade20k", "ade20k", 336, 224, 112, 40.f, 0.f, std::nullopt},
    NamedConfig{"cityscapes", "cityscapes", 560, 224, 112, 40.f, 0.f, std::nullopt},
};

constexpr std::array kProtocols = {
    NamedProtocol{"table4-1", 224, 224, 112}, NamedProtocol{"table4-2", 336, 224, 112},
    NamedProtocol{"table4-3", 336, 336, 112}, NamedProtocol{"table4-4", 448, 224, 112},
    NamedProtocol{"table4-5", 448, 448, 224},
};

std::string ascii_lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// The recipe's policy with what the request says of it; another policy that the request names; or `sclip`.
Policy resolve_policy(const SegmentRequest& request, const Recipe* recipe) {
  if (recipe == nullptr) return find_policy(request.policy.empty() ? "sclip" : request.policy, request.policy_options);
  if (request.policy.empty()) return find_policy(recipe->policy, request.policy_options);
  const std::string_view given(request.policy);
  const size_t colon = std::min(given.find(':'), given.size());
  if (given.substr(0, colon) != recipe->policy.substr(0, recipe->policy.find(':'))) {
    return find_policy(given, request.policy_options);
  }
  std::vector<std::string> options;
  for (std::string_view rest = given.substr(colon); !rest.empty();) {
    rest.remove_prefix(1);  // the colon or a comma
    options.emplace_back(rest.substr(0, rest.find(',')));
    rest.remove_prefix(options.back().size());
  }
  options.insert(options.end(), request.policy_options.begin(), request.policy_options.end());
  return find_policy(recipe->policy, options);
}

bool resolve_squash(const SegmentRequest& request, const Recipe* recipe) {
  if (request.fit.empty()) return recipe != nullptr && recipe->squash;
  SCLIP_CHECK(request.fit == "squash" || request.fit == "short-side", kInvalidArgument, "there is no fit '",
              request.fit, "': ", name_advice(request.fit, {"short-side", "squash"}));
  return request.fit == "squash";
}

Refinement resolve_refinement(const SegmentRequest& request, const Recipe* recipe) {
  Refinement out;
  std::string_view name = request.refine;
  if (recipe != nullptr && (name.empty() || name == recipe->refine.substr(0, recipe->refine.find(':')))) {
    name = recipe->refine;
  }
  if (name.empty()) name = to_string(Refinement::kNone);
  if (const size_t colon = name.find(':'); recipe != nullptr && name == recipe->refine && colon < name.size()) {
    std::from_chars(name.data() + colon + 1, name.data() + name.size(), out.cells);
    name = name.substr(0, colon);
  }
  if (name == to_string(Refinement::kPamr)) {
    out.kind = Refinement::kPamr;
  } else if (name == to_string(Refinement::kPearl)) {
    out.kind = Refinement::kPearl;
    out.iterations = 25;
  } else {
    SCLIP_CHECK(name == to_string(Refinement::kNone), kInvalidArgument, "there is no refinement '", name,
                "': ", name_advice(name, {"none", "pamr", "pearl"}));
    SCLIP_CHECK(!request.refine_iterations, kInvalidArgument,
                "iterations of a refinement without a refinement: choose pamr or pearl, or leave them out");
  }
  SCLIP_CHECK(request.refine_dilations.empty() || out.kind == Refinement::kPamr, kInvalidArgument,
              "dilations belong to the refinement pamr, and it is ", to_string(out.kind),
              ": choose pamr, or leave them out");
  SCLIP_CHECK(!request.refine_cells || out.kind == Refinement::kPearl, kInvalidArgument,
              "cells belong to the refinement pearl, and it is ", to_string(out.kind),
              ": choose pearl, or leave them out");
  out.cells = request.refine_cells.value_or(out.cells);
  out.iterations = request.refine_iterations.value_or(out.iterations);
  if (const auto& dilations = request.refine_dilations; !dilations.empty()) {
    SCLIP_CHECK(dilations.size() <= out.dilations.size(), kInvalidArgument, "refinement: ", dilations.size(),
                " dilations are too many: give one or two");
    SCLIP_CHECK(std::find(dilations.begin(), dilations.end(), 0) == dilations.end(), kInvalidArgument,
                "refinement: a dilation of 0 pixels is not possible: each must be 1 … 32");
    out.dilations = {dilations[0], dilations.size() > 1 ? dilations[1] : 0};
  }
  check(out);
  return out;
}

}  // namespace

std::span<const NamedConfig> named_configs() {
  return kConfigs;
}

std::span<const NamedProtocol> named_protocols() {
  return kProtocols;
}

const NamedConfig& find_named_config(std::string_view name) {
  return find_named(kConfigs, name, "there is no configuration");
}

SegmentOptions resolve(const SegmentRequest& request, const ModelConfig& model) {
  SegmentOptions out;
  if (model.preprocess.short_side > 0) out.short_side = model.preprocess.short_side;
  out.crop = model.preprocess.crop;
  if (model.preprocess.stride > 0) out.stride = model.preprocess.stride;
  const Recipe* const recipe = request.recipe.empty() ? nullptr : &find_recipe(request.recipe, request.config);
  if (!request.config.empty()) {
    const NamedConfig& named = recipe != nullptr ? recipe->setting : find_named_config(request.config);
    out.short_side = named.short_side;
    out.crop = named.crop;
    out.stride = named.stride;
    out.logit_scale = named.logit_scale;
    out.prob_thd = named.prob_thd;
    out.area_thd = named.area_thd;
  }
  if (!request.protocol.empty()) {
    const NamedProtocol& named = find_named(kProtocols, request.protocol, "there is no protocol");
    out.short_side = named.short_side;
    out.crop = named.crop;
    out.stride = named.stride;
  }
  out.policy = resolve_policy(request, recipe).spelling();
  out.temperature = request.temperature.value_or(out.temperature);
  out.refine = resolve_refinement(request, recipe);
  out.squash = resolve_squash(request, recipe);
  out.short_side = request.short_side.value_or(out.short_side);
  out.crop = request.crop.value_or(out.crop);
  out.stride = request.stride.value_or(out.stride);
  out.logit_scale = request.logit_scale.value_or(out.logit_scale);
  out.prob_thd = request.prob_thd.value_or(out.prob_thd);
  if (request.area_thd) out.area_thd = request.area_thd;
  out.ignore_label = request.ignore_label;
  out.window_batch = request.window_batch.value_or(out.window_batch);
  return out;
}

void check_ignore_label(std::optional<int> label, const ClassList& classes) {
  if (!label) return;
  constexpr auto kMost = static_cast<int>(ClassList::kMaxClasses) - 1;
  SCLIP_CHECK(*label >= 0 && *label <= kMost, kInvalidArgument, "the label of ignored pixels is ", *label,
              "; it must lie in 0…", kMost);
  SCLIP_CHECK(static_cast<size_t>(*label) >= classes.size(), kInvalidArgument, "the label of ignored pixels is ",
              *label, ", and that is the class '", shorten_utf8(classes.class_names()[static_cast<size_t>(*label)], 60),
              "': take one from ", classes.size(), " on");
}

std::string_view to_string(Refinement::Kind kind) {
  return kind == Refinement::kPamr ? "pamr" : kind == Refinement::kPearl ? "pearl" : "none";
}

ClassList with_background(ClassList list, const ModelConfig& model, bool wanted) {
  if (list.size() > 1) return list;
  const std::string& name = list.class_names()[0];
  const ClassList voc = parse_class_file(builtin_class_file("voc21"), "voc21");
  std::vector<std::string> queries;
  if (wanted && !same_word(name, voc.class_names()[0])) {
    for (size_t k = 0; k < voc.queries().size() && voc.query_class()[k] == 0; ++k) {
      const std::string& word = voc.queries()[k];
      const auto is_it = [&](const std::string& other) { return same_word(word, other); };
      const bool known =
          model.known_words.empty() || std::any_of(model.known_words.begin(), model.known_words.end(), is_it);
      if (known && std::none_of(list.queries().begin(), list.queries().end(), is_it)) queries.push_back(word);
    }
  }
  if (queries.empty()) {
    list.add_warning(str("'", name,
                         "' is the only class, and every score of a softmax over one is 1: give another "
                         "class, or take the cosines (segment --outputs logits)"));
    return list;
  }
  const size_t background = queries.size();
  queries.insert(queries.end(), list.queries().begin(), list.queries().end());
  std::vector<int32_t> query_class(queries.size(), 1);
  std::fill_n(query_class.begin(), background, 0);
  ClassList both = ClassList::from_queries({voc.class_names()[0], name}, std::move(queries), std::move(query_class));
  for (const std::string& warning : list.warnings()) both.add_warning(warning);
  both.add_warning(str("'", name, "' is the only class: it is class 1, beside ", background,
                       " background words as class 0 (--no-background looks for it alone)"));
  return both;
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
  if (unknown.size() > kShown) list += str(" and ", unknown.size() - kShown, " more");
  const size_t known = model.known_words.size();
  return str("this model was trained on ", known, known == 1 ? " word, and " : " words, and ", list,
             unknown.size() == 1 ? " is" : " are",
             " not among them; scores there mean nothing (sclip info lists the words)");
}

std::string options_hash(const Engine& engine, const TextBankOptions& bank, const ClassList& classes,
                         const SegmentOptions& options, std::span<const std::string> outputs) {
  using Json = nlohmann::ordered_json;
  const Json what = {
      {"version", version()},
      {"model", engine.sha256()},
      {"device", engine.device().name},
      {"activations", std::string(to_string(engine.device().precision))},
      {"class_names", classes.class_names()},
      {"queries", classes.queries()},
      {"query_class", classes.query_class()},
      {"templates", bank.templates},
      {"truncate", bank.truncate},
      {"policy", options.policy},
      {"policy_files", find_policy(options.policy).file_hashes()},
      {"temperature", options.temperature},
      {"sizes", {options.short_side, options.long_limit, options.squash, options.crop, options.stride}},
      {"logit_scale", options.logit_scale},
      {"prob_thd", options.prob_thd},
      {"area_thd", options.area_thd ? Json(*options.area_thd) : Json()},
      {"ignore_label", options.ignore_label ? Json(*options.ignore_label) : Json()},
      {"refine", {options.refine.kind, options.refine.iterations, options.refine.dilations, options.refine.cells}},
      {"outputs", std::vector<std::string>(outputs.begin(), outputs.end())},
  };
  // Names may be any bytes; what is not UTF-8 is replaced, which is good enough for telling runs apart.
  Sha256 hash;
  hash.update(what.dump(-1, ' ', false, Json::error_handler_t::replace));
  return hash.hex();
}

}  // namespace sclip
