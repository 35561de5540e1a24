// What there is to choose from: class lists, policies, colours.
#include <cstdio>

#include "results/class_style.h"
#include "sclip/policies.h"
#include "server/routes/answer_json.h"
#include "server/routes/classes_json.h"
#include "server/routes/route.h"
#include "server/service.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

HttpResponse lists(Service& service, HttpRequest&) {
  Json all = Json::array();
  for (const std::string_view name : builtin_class_file_names()) {
    all.push_back({{"name", name}, {"classes", classes_json(parse_class_file(builtin_class_file(name), name))}});
  }
  const auto& known = service.engine().config().known_words;
  return compact_answer({{"lists", std::move(all)}, {"known_words", known.empty() ? Json() : Json(known)}});
}

// Whether a request may name it as it is: not where an option must be a file, which a request cannot have read.
bool can_be_asked_for(const PolicyFacts& policy) {
  for (const PolicyFacts::Option& option : policy.options) {
    if (option.range == "a file") return false;
  }
  return true;
}

HttpResponse policies(Service&, HttpRequest&) {
  Json all = Json::array();
  for (const PolicyFacts& policy : list_policies()) {
    if (!can_be_asked_for(policy)) continue;
    Json options = Json::array();
    for (const PolicyFacts::Option& option : policy.options) {
      options.push_back(
          {{"name", option.name}, {"value", option.value}, {"meaning", option.meaning}, {"range", option.range}});
    }
    all.push_back({{"name", policy.name},
                   {"summary", policy.summary},
                   {"reads", policy.reads},
                   {"source", policy.source},
                   {"options", std::move(options)}});
  }
  return compact_answer({{"policies", std::move(all)}});
}

// A colour does not depend on how many follow it: the first ones are those of a shorter list.
HttpResponse palette(Service& service, HttpRequest&) {
  Json colors = Json::array();
  // Takes a while, and a process has one service.
  static const std::vector<Rgb> kPalette = make_palette(static_cast<size_t>(service.options().max_queries), false);
  for (const Rgb color : kPalette) {
    char text[8];
    std::snprintf(text, sizeof text, "#%02x%02x%02x", color.r, color.g, color.b);
    colors.push_back(text);
  }
  const std::string background[] = {"background", "one"};
  const std::vector<ClassStyle> styles = class_styles(background);
  return compact_answer({{"colors", std::move(colors)},
                         {"opacity", styles[1].opacity},
                         {"background", {{"color", "#000000"}, {"opacity", styles[0].opacity}}}});
}

constexpr std::string_view kLists =
    R"({"type": "object", "required": ["lists", "known_words"],
        "properties": {
          "lists": {"type": "array", "items": {
            "type": "object", "required": ["name", "classes"],
            "properties": {
              "name": {"type": "string"},
              "classes": {"type": "array", "items": {
                "type": "object", "required": ["id", "name", "queries"],
                "properties": {"id": {"type": "integer"}, "name": {"type": "string"},
                               "queries": {"type": "array", "items": {"type": "string"}, "minItems": 1}}}}}}},
          "known_words": {"type": ["array", "null"], "items": {"type": "string"},
                          "description": "all that the model was trained on; null: its vocabulary is open"}}})";
constexpr std::string_view kPolicies =
    R"({"type": "object", "required": ["policies"],
        "properties": {"policies": {"type": "array", "items": {
          "type": "object", "required": ["name", "summary"],
          "properties": {"name": {"type": "string"}, "summary": {"type": "string"}}}}}})";
constexpr std::string_view kPalette =
    R"({"type": "object", "required": ["colors", "opacity", "background"],
        "properties": {
          "colors": {"type": "array", "items": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
                     "description": "of class 0, 1, …; where class 0 is called background, of class 1, 2, …"},
          "opacity": {"type": "integer", "minimum": 0, "maximum": 255, "description": "over the photo in an overlay"},
          "background": {"type": "object", "required": ["color", "opacity"]}}})";

}  // namespace

std::vector<Route> choice_routes() {
  return {
      {.method = "GET",
       .path = "/v1/lists",
       .group = "words",
       .summary = "The built-in class lists (class_list), and the words that a model with a closed vocabulary knows",
       .answers = {{200, "the lists", {"application/json"}, kLists}},
       .handle = lists},
      {.method = "GET",
       .path = "/v1/policies",
       .group = "photos",
       .summary = "The policies that a request may name",
       .answers = {{200, "the policies", {"application/json"}, kPolicies}},
       .handle = policies},
      {.method = "GET",
       .path = "/v1/palette",
       .group = "photos",
       .summary = "The colours of classes in masks and overlays",
       .answers = {{200, "as many as a request may have words", {"application/json"}, kPalette}},
       .handle = palette}};
}

}  // namespace sclip
