// The OpenAPI document, made of the table of routes.
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/version.h"
#include "server/http/http_error.h"
#include "server/routes/router.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

std::string_view meaning_of(int status) {
  switch (status) {
    case 400: return "the request, its JSON, form or picture cannot be read";
    case 401: return "the token is missing or wrong";
    case 404: return "what the request names is not there";
    case 406: return "the Accept header takes nothing that could be answered";
    case 408: return "the body came too slowly";
    case 409: return "the name is taken";
    case 413: return "the body, the photo, or the work is more than a request may be";
    case 415: return "the body, or the picture, is of a kind that is not read";
    case 422: return "a field has a value that cannot work";
    case 429: return "too many requests are waiting: Retry-After says when to come again";
    case 431: return "the header is too large";
    case 500: return "an error of the service";
    case 503: return "the service cannot compute this now: Retry-After says when to come again";
    case 504: return "the deadline passed before the answer was there";
    default: return "an error";
  }
}

Json schema_of(const FieldSpec& field) {
  Json schema;
  switch (field.kind) {
    case FieldKind::kText: schema = {{"type", "string"}, {"maxLength", kMostText}}; break;
    case FieldKind::kInteger: schema = {{"type", "integer"}}; break;
    case FieldKind::kNumber: schema = {{"type", "number"}}; break;
    case FieldKind::kFlag: schema = {{"type", "boolean"}}; break;
    case FieldKind::kTexts: schema = {{"type", "array"}, {"items", {{"type", "string"}}}}; break;
    case FieldKind::kIntegers:
      schema = {{"type", "array"},
                {"items",
                 {{"type", "integer"},
                  {"minimum", static_cast<int64_t>(field.least)},
                  {"maximum", static_cast<int64_t>(field.most)}}}};
      return schema;
    case FieldKind::kWords: {
      const Json text = {{"type", "string"}};
      const Json synonyms = {{"type", "array"}, {"items", text}, {"minItems", 1}};
      schema = {{"anyOf", {text, {{"type", "array"}, {"items", {{"anyOf", {text, synonyms}}}}}}}};
      break;
    }
    case FieldKind::kPhoto: schema = {{"type", "string"}}; break;
  }
  const bool whole = field.kind == FieldKind::kInteger;
  const auto number = [&](double value) { return whole ? Json(static_cast<int64_t>(value)) : Json(value); };
  if (std::abs(field.least) < 1e18) schema["minimum"] = number(field.least);
  if (std::abs(field.most) < 1e18) schema["maximum"] = number(field.most);
  if (field.choices != nullptr) schema["enum"] = field.choices();
  return schema;
}

// `form`: a picture is a file there, and Base64 elsewhere.
Json object_of(const std::vector<FieldSpec>& fields, bool form) {
  Json properties = Json::object();
  for (const FieldSpec& field : fields) {
    Json schema = schema_of(field);
    if (field.kind == FieldKind::kPhoto) {
      if (form) {
        schema["format"] = "binary";
      } else {
        schema["contentEncoding"] = "base64";
      }
    }
    schema["description"] = field.meaning;
    properties[std::string(field.name)] = std::move(schema);
  }
  return {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

Json parameters_of(const Route& route) {
  Json list = Json::array();
  if (const size_t open = route.path.find('{'); open != std::string_view::npos) {
    list.push_back({{"name", route.path.substr(open + 1, route.path.find('}') - open - 1)},
                    {"in", "path"},
                    {"required", true},
                    {"schema", {{"type", "string"}, {"minLength", 1}}}});
  }
  if (route.body == BodyKind::kInference) {
    list.push_back({{"name", "Inference-Header-Content-Length"},
                    {"in", "header"},
                    {"required", false},
                    {"description", "bytes of the JSON before binary tensors"},
                    {"schema", {{"type", "integer"}, {"minimum", 0}}}});
    return list;
  }
  if (route.body == BodyKind::kJson) return list;
  for (const FieldSpec& field : route.fields) {
    if (field.kind == FieldKind::kPhoto) continue;
    Json schema = schema_of(field);
    if (field.kind == FieldKind::kWords) schema = {{"type", "string"}};
    Json parameter = {{"name", field.name},
                      {"in", "query"},
                      {"required", false},
                      {"description", field.meaning},
                      {"schema", std::move(schema)}};
    if (field.kind == FieldKind::kIntegers) parameter["explode"] = false;
    list.push_back(std::move(parameter));
  }
  return list;
}

// Sky above a meadow, 24×16 pixels.
constexpr std::string_view kExamplePhoto =
    "iVBORw0KGgoAAAANSUhEUgAAABgAAAAQCAIAAACDRijCAAAAHklEQVR42mOImnaHKohh1KARbZBNhRFV0KhBI9ogAEk/BZ/9fqsa"
    "AAAAAElFTkSuQmCC";

Json example_of(const Route& route) {
  std::string text(route.example);
  if (const size_t at = text.find("PHOTO"); at != std::string::npos) text.replace(at, 5, kExamplePhoto);
  return Json::parse(text);
}

Json body_of(const Route& route) {
  Json content = Json::object();
  switch (route.body) {
    case BodyKind::kNone: return {};
    case BodyKind::kJson: content["application/json"] = {{"schema", object_of(route.fields, false)}}; break;
    case BodyKind::kPhoto:
      content["multipart/form-data"] = {{"schema", object_of(route.fields, true)}};
      content["application/json"] = {{"schema", object_of(route.fields, false)}};
      content["image/*"] = {{"schema", {{"type", "string"}, {"format", "binary"}}}};
      break;
    case BodyKind::kInference:
      content["application/json"] = {{"schema", {{"$ref", "#/components/schemas/InferenceRequest"}}}};
      content["application/octet-stream"] = {{"schema", {{"type", "string"}, {"format", "binary"}}}};
      break;
  }
  if (!route.example.empty()) content["application/json"]["example"] = example_of(route);
  return {{"required", route.body == BodyKind::kJson || route.body == BodyKind::kInference},
          {"content", std::move(content)}};
}

Json answers_of(const Route& route) {
  Json answers = Json::object();
  for (const RouteAnswer& answer : route.answers) {
    Json entry = {{"description", answer.meaning}};
    for (const std::string_view type : answer.types) {
      Json schema = {{"type", "string"}};
      if (type == "application/json") {
        schema = answer.schema.empty() ? Json{{"type", "object"}} : Json::parse(answer.schema);
      }
      entry["content"][std::string(type)] = {{"schema", std::move(schema)}};
    }
    answers[std::to_string(answer.status)] = std::move(entry);
  }
  for (const int status : errors_of(route)) {
    answers[std::to_string(status)] = {
        {"description", meaning_of(status)},
        {"content",
         {{"application/json",
           {{"schema",
             {{"$ref", str("#/components/schemas/", route.path.starts_with("/v2") ? "InferenceError" : "Error")}}}}}}}};
  }
  return answers;
}

constexpr std::string_view kSchemas = R"({
  "Error": {
    "type": "object", "required": ["error"],
    "properties": {"error": {
      "type": "object", "required": ["code", "message", "request_id"],
      "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "request_id": {"type": "string"}}}}
  },
  "InferenceError": {
    "type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}
  },
  "Tensor": {
    "type": "object", "required": ["name", "shape", "datatype"],
    "properties": {
      "name": {"type": "string"}, "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
      "datatype": {"type": "string"}, "parameters": {"type": "object"}, "data": {"type": "array"}}
  },
  "InferenceRequest": {
    "type": "object", "required": ["inputs"],
    "properties": {
      "id": {"type": "string"}, "parameters": {"type": "object"},
      "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
      "outputs": {"type": "array", "items": {"type": "object", "required": ["name"],
        "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}}}}}
  }
})";

}  // namespace

std::string make_openapi(const std::vector<Route>& routes, bool with_token) {
  Json paths = Json::object();
  for (const Route& route : routes) {
    if (!route.described) continue;
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    Json operation = {{"tags", {route.group}}, {"summary", route.summary}, {"parameters", parameters_of(route)}};
    if (Json body = body_of(route); !body.is_null()) operation["requestBody"] = std::move(body);
    operation["responses"] = answers_of(route);
    if (with_token && route.open) operation["security"] = Json::array();
    paths[std::string(route.path)][method] = std::move(operation);
  }
  Json document = {
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "sclip"},
        {"version", version()},
        {"description", "Cuts photographs into regions named by words: open-vocabulary segmentation with CLIP."},
        {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"paths", std::move(paths)},
      {"components", {{"schemas", Json::parse(kSchemas)}}},
  };
  if (with_token) {
    document["components"]["securitySchemes"] = {{"token", {{"type", "http"}, {"scheme", "bearer"}}}};
    document["security"] = Json::array({{{"token", Json::array()}}});
  }
  return document.dump(1) + "\n";
}

}  // namespace sclip
