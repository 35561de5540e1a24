#include "server/routes/segment_fields.h"

#include <limits>
#include <optional>
#include <type_traits>

#include "results/choice_names.h"
#include "results/output_kinds.h"
#include "sclip/policies.h"
#include "sclip/recipes.h"
#include "sclip/templates.h"
#include "server/http/http_error.h"
#include "server/service.h"

namespace sclip {
namespace {

using Names = std::vector<std::string>;
using enum FieldKind;
using Json = Fields::Json;

// A row of what `resolve` looks at.
struct RequestField {
  FieldSpec spec;
  void (*apply)(SegmentRequest&, const Json&);
};

template <typename T>
struct Bare {
  using Type = T;
};
template <typename T>
struct Bare<std::optional<T>> {
  using Type = T;
};

template <auto Member>
void set(SegmentRequest& request, const Json& value) {
  auto& member = request.*Member;
  member = value.get<typename Bare<std::remove_cvref_t<decltype(member)>>::Type>();
}

constexpr double kNone = std::numeric_limits<double>::infinity();

const std::vector<RequestField>& reading_rows() {
  static const std::vector<RequestField> kRows = {
      {{"config", kText, "a published evaluation's numbers and classes", -kNone, kNone, config_names},
       set<&SegmentRequest::config>},
      {{"recipe", kText, "a method's published setting for the data set of config", -kNone, kNone, recipe_names},
       set<&SegmentRequest::recipe>},
      {{"protocol", kText, "short side, crop and stride of a row of the paper's Table 4", -kNone, kNone,
        protocol_names},
       set<&SegmentRequest::protocol>},
      {{"policy", kText, "how the image tower is read out patch by patch: sclip, naclip:sigma=3"},
       set<&SegmentRequest::policy>},
      {{"policy_option", kTexts, "OPTION=VALUE of the policy"}, set<&SegmentRequest::policy_options>},
      {{"temperature", kNumber, "divides the scores of the last block's attention", 1e-4, 1e4},
       set<&SegmentRequest::temperature>},
      {{"short_side", kInteger, "pixels of the photo's short side as the model sees it", 1, 8192},
       set<&SegmentRequest::short_side>},
      {{"fit", kText, "short-side: the photo keeps its shape; squash: it becomes a square", -kNone, kNone,
        [] {
          return Names{"short-side", "squash"};
        }},
       set<&SegmentRequest::fit>},
      {{"crop", kInteger, "window size in pixels; 0: the whole photo at once", 0, 8192}, set<&SegmentRequest::crop>},
      {{"stride", kInteger, "distance between windows in pixels", 1, 8192}, set<&SegmentRequest::stride>},
  };
  return kRows;
}

const std::vector<RequestField>& score_rows() {
  static const std::vector<RequestField> kRows = {
      {{"logit_scale", kNumber, "cosines are multiplied by this before the softmax", 0, 1e6},
       set<&SegmentRequest::logit_scale>},
      {{"prob_thd", kNumber, "a pixel whose best score is lower becomes class 0", 0, 1},
       set<&SegmentRequest::prob_thd>},
      {{"ignore_label", kInteger, "… or gets this label, which is no class's", 0, 65535},
       set<&SegmentRequest::ignore_label>},
      {{"area_thd", kNumber, "smallest share that a class must have of the pixels that are not class 0", 0, 1},
       set<&SegmentRequest::area_thd>},
      {{"refine", kText, "smooth along what looks alike in the photo, or carry sure labels on to its edges", -kNone,
        kNone, refiner_names},
       set<&SegmentRequest::refine>},
      {{"refine_iterations", kInteger, "of the refinement", 0, 1000}, set<&SegmentRequest::refine_iterations>},
      {{"refine_dilations", kIntegers, "distances to the neighbours of pamr, one or two", 1, 32},
       set<&SegmentRequest::refine_dilations>},
      {{"refine_cells", kInteger, "of pearl's grid, about as many a side", 1, 1024},
       set<&SegmentRequest::refine_cells>},
  };
  return kRows;
}

std::vector<FieldSpec> specs(const std::vector<RequestField>& rows) {
  std::vector<FieldSpec> out;
  for (const RequestField& row : rows) out.push_back(row.spec);
  return out;
}

// Of JSON: ["sky", ["building", "house"]].
ClassList classes_of(const Json& value) {
  if (value.is_string()) return parse_class_argument(value.get_ref<const std::string&>());
  std::vector<std::vector<std::string>> classes;
  for (const Json& names : value) {
    classes.push_back(names.is_string() ? std::vector{names.get<std::string>()}
                                        : names.get<std::vector<std::string>>());
  }
  return ClassList::from_names(classes);
}

std::string built_in_list(const Fields& fields) {
  if (fields.has("class_list")) return fields.text("class_list");
  const std::string config = fields.text("config"), recipe = fields.text("recipe");
  if (!recipe.empty()) return std::string(find_recipe(recipe, config).setting.class_file);
  return config.empty() ? std::string() : std::string(find_named_config(config).class_file);
}

}  // namespace

std::vector<FieldSpec> operator+(std::vector<FieldSpec> a, const std::vector<FieldSpec>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<FieldSpec> photo_fields() {
  return {{"photo", kPhoto, "a picture: JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP, GIF, PNM or PSD"},
          {"salvage", kFlag, "of a damaged picture, take what is there"}};
}

std::vector<FieldSpec> word_fields() {
  return {
      {"classes", kWords,
       "classes separated by ';', synonyms of a class by ','; or a list of names and of lists of synonyms"},
      {"class_list", kText, "a built-in list instead", -kNone, kNone, class_list_names},
      {"bank", kText, "the name of a list that was sent to /v1/banks, instead"},
      {"templates", kTexts, "prompt templates, {} for the name; none: the bare names; without it: the 80 of ImageNet"},
      {"truncate", kFlag, "cut prompts that are too long for the model instead of refusing them"},
      {"no_background", kFlag, "a single class is looked for alone, and not beside the background words of voc21"}};
}

std::vector<FieldSpec> reading_fields() {
  return specs(reading_rows());
}

std::vector<FieldSpec> score_fields() {
  return specs(score_rows()) +
         std::vector<FieldSpec>{{"ignore_name", kText, "what the pixels with ignore_label are called"}};
}

std::vector<FieldSpec> output_fields() {
  return {{"outputs", kText,
           "what is answered, joined by ',': mask, overlay, overlay-jpeg, grey, geotiff, rle, scores, logits, json; "
           "several come as one JSON object. Without it, Accept decides: a PNG is the mask, JSON the statistics"},
          {"overlay_size", kText, "legend, or photo: exactly the photo's size, without a legend", -kNone, kNone, [] {
             return Names{"legend", "photo"};
           }}};
}

std::vector<FieldSpec> wait_fields() {
  return {
      {"deadline_ms", kInteger, "how long the answer is waited for; at most the service's own deadline", 1, 3'600'000}};
}

SegmentRequest segment_request(const Fields& fields) {
  SegmentRequest request;
  for (const auto* rows : {&reading_rows(), &score_rows()}) {
    for (const RequestField& row : *rows) {
      if (const Json* value = fields.find(row.spec.name)) row.apply(request, *value);
    }
  }
  const std::string policy = request.policy.empty() ? "sclip" : request.policy;
  if (request.recipe.empty() || !request.policy.empty()) {
    if (!files_of_policy(policy, request.policy_options).empty()) {
      refuse_field("policy", "names a file, and a request cannot have files of the service's machine read");
    }
  }
  return request;
}

AskedWords asked_words(const Fields& fields, Service& service) {
  AskedWords asked{word_list(fields, service), "imagenet"};
  if (fields.has("templates")) {
    asked.templates = fields.texts("templates") == Names{"none"} ? "none" : "request";
  } else if (!asked.list.templates.empty()) {
    asked.templates = fields.has("bank") ? "bank" : "recipe";
  }
  return asked;
}

WordList word_list(const Fields& fields, Service& service) {
  const bool named = fields.has("classes") || fields.classes().has_value();
  const int given = int{named} + int{fields.has("class_list")} + int{fields.has("bank")};
  if (given > 1) refuse_field("classes", "is given beside class_list or bank: give one of them");
  std::optional<WordList> list;
  if (fields.has("bank")) {
    const std::string name = fields.text("bank");
    list = service.named_banks().find(name);
    if (!list) {
      throw HttpError(404, "no_bank", str("there is no word list called '", name, "': send it to /v1/banks"));
    }
    if (fields.has("templates") || fields.has("truncate")) {
      refuse_field("templates", "and truncate belong to the bank: they are given with it");
    }
    return *list;
  }
  if (fields.classes()) {
    list = WordList{*fields.classes()};
  } else if (fields.has("classes")) {
    list = WordList{classes_of(*fields.find("classes"))};
  } else {
    const std::string name = built_in_list(fields);
    if (name.empty()) {
      throw HttpError(422, "no_words", "no words: give classes, class_list, bank or config");
    }
    list = WordList{parse_class_file(builtin_class_file(name), name)};
  }
  const auto queries = static_cast<int64_t>(list->classes.queries().size());
  const int64_t most = service.options().max_queries;
  if (queries > most) {
    throw HttpError(413, "too_many_words",
                    str("there are ", queries, " words; a request may have ", most, " (--max-words)"));
  }
  list->classes = with_background(std::move(list->classes), service.engine().config(), !fields.flag("no_background"));
  list->templates = fields.texts("templates");
  if (list->templates == Names{"none"}) list->templates = {"{}"};
  for (const std::string& text : list->templates) check_template(text, "the field 'templates'");
  const std::string recipe = fields.text("recipe");
  if (list->templates.empty() && !recipe.empty()) {
    const std::string prompt(find_recipe(recipe, fields.text("config")).prompt);
    if (!prompt.empty()) list->templates = {prompt};
  }
  list->truncate = fields.flag("truncate");
  return *list;
}

}  // namespace sclip
