#include "server/routes/fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/find_named.h"
#include "core/utf8.h"
#include "server/base64.h"
#include "server/http/http_error.h"
#include "server/http/multipart.h"

namespace sclip {
namespace {

using Json = Fields::Json;

constexpr int kMostDepth = 32;

std::string shown(std::string_view text) {
  return "'" + shorten_utf8(text, 60) + "'";
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void check_range(const FieldSpec& spec, double value) {
  if (value >= spec.least && value <= spec.most) return;
  refuse_field(spec.name, str("is ", value, "; it must lie in ", spec.least, "…", spec.most));
}

std::string checked_text(const FieldSpec& spec, const std::string& text) {
  if (text.size() > kMostText) refuse_field(spec.name, str("has ", text.size(), " bytes; at most ", kMostText));
  if (text.find('\0') != std::string::npos) refuse_field(spec.name, "holds a NUL byte");
  if (spec.choices == nullptr) return text;
  const std::vector<std::string> choices = spec.choices();
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    refuse_field(spec.name, str("is ", shown(text), "; ", name_advice(text, {choices.begin(), choices.end()})));
  }
  return text;
}

// A list of names, or of lists of synonyms.
bool is_words(const Json& value) {
  const auto is_text = [](const Json& v) { return v.is_string(); };
  return value.is_string() ||
         (value.is_array() && value.size() <= kMostItems && std::all_of(value.begin(), value.end(), [&](const Json& v) {
            return is_text(v) ||
                   (v.is_array() && !v.empty() && v.size() <= kMostItems && std::all_of(v.begin(), v.end(), is_text));
          }));
}

}  // namespace

void refuse_field(std::string_view name, const std::string& why) {
  throw HttpError(422, "bad_field", str("the field '", name, "' ", why));
}

Json parse_json_body(std::string_view text) {
  bool too_deep = false;
  const auto shallow = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMostDepth) too_deep = true;
    return !too_deep;
  };
  Json json;
  try {
    json = Json::parse(text, shallow);
  } catch (const Json::exception& error) {
    // The place, and not the library's name for it.
    const std::string_view what(error.what());
    throw HttpError(400, "bad_json", "the body is not JSON: " + shorten_utf8(what.substr(what.find("] ") + 2), 200));
  }
  if (too_deep) throw HttpError(400, "bad_json", str("the body's JSON is nested more than ", kMostDepth, " deep"));
  return json;
}

Fields::Fields(const HttpRequest& request, std::span<const FieldSpec> specs) : specs_(specs) {
  for (const auto& [name, value] : request.query) add_text(name, value);
  if (request.body.empty()) return;
  const std::string type = request.media_type();
  if (type == "application/json") {
    const Json json = parse_json_body(request.body);
    if (!json.is_object()) throw HttpError(400, "bad_json", "the body's JSON is not an object of fields");
    read_object(json);
  } else if (type == "multipart/form-data") {
    read_form(request);
  } else if (type.starts_with("image/") || type == "application/octet-stream") {
    spec("photo");
    photo_ = PhotoFile{request.body, ""};
  } else {
    throw HttpError(415, "unsupported_body",
                    str("the body's Content-Type is ", type.empty() ? "missing" : shown(type),
                        "; use multipart/form-data, application/json, or image/* for a bare picture"));
  }
}

Fields::Fields(const Json& object, std::span<const FieldSpec> specs) : specs_(specs) {
  read_object(object);
}

void Fields::read_object(const Json& json) {
  for (const auto& [name, value] : json.items()) {
    if (!value.is_null()) add_json(name, value);
  }
}

void Fields::read_form(const HttpRequest& request) {
  for (const FormPart& part : parse_multipart(request.body, request.media_parameter("boundary"))) {
    const FieldSpec& known = spec(part.name);
    if (known.kind != FieldKind::kPhoto) {
      add_text(part.name, std::string(part.content));
      continue;
    }
    if (photo_) refuse_field(part.name, "is given twice");
    photo_ = PhotoFile{part.content, part.file_name};
  }
}

const FieldSpec& Fields::spec(std::string_view name) const {
  std::vector<std::string_view> names;
  for (const FieldSpec& spec : specs_) {
    if (spec.name == name) return spec;
    names.push_back(spec.name);
  }
  throw HttpError(
      422, "unknown_field",
      str("there is no field ", shown(name), " here: ", names.empty() ? "none is taken" : name_advice(name, names)));
}

void Fields::add_text(std::string_view name, const std::string& text) {
  const FieldSpec& known = spec(name);
  switch (known.kind) {
    case FieldKind::kText: return add(known, checked_text(known, text));
    case FieldKind::kTexts: return add(known, Json::array({checked_text(known, text)}));
    case FieldKind::kWords: return add(known, checked_text(known, text));
    case FieldKind::kFlag:
      if (text != "true" && text != "false" && text != "1" && text != "0") {
        refuse_field(name, str("is ", shown(text), "; it must be true or false"));
      }
      return add(known, text == "true" || text == "1");
    case FieldKind::kInteger: {
      const auto value = parse_integer(text);
      if (!value) refuse_field(name, str("is ", shown(text), ", which is not a whole number"));
      check_range(known, static_cast<double>(*value));
      return add(known, *value);
    }
    case FieldKind::kNumber: {
      const auto value = parse_number(text);
      if (!value) refuse_field(name, str("is ", shown(text), ", which is not a number"));
      check_range(known, *value);
      return add(known, *value);
    }
    case FieldKind::kIntegers: {
      Json list = Json::array();
      for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        const auto value = parse_integer(std::string_view(text).substr(begin, end - begin));
        if (!value) refuse_field(name, str("is ", shown(text), "; it must be whole numbers, joined by commas"));
        check_range(known, static_cast<double>(*value));
        list.push_back(*value);
        begin = end + 1;
      }
      return add(known, std::move(list));
    }
    case FieldKind::kPhoto: refuse_field(name, "is a picture file: send it as a part of a form, or as the whole body");
  }
}

void Fields::add_json(std::string_view name, const Json& value) {
  const FieldSpec& known = spec(name);
  const auto want = [&](bool right, const char* what) {
    if (!right) refuse_field(name, str("must be ", what));
  };
  switch (known.kind) {
    case FieldKind::kText:
      want(value.is_string(), "a text");
      return add(known, checked_text(known, value.get<std::string>()));
    case FieldKind::kTexts: {
      want(value.is_array() && value.size() <= kMostItems, "a list of texts");
      for (const Json& item : value) {
        want(item.is_string(), "a list of texts");
        checked_text(known, item.get<std::string>());
      }
      return add(known, value);
    }
    case FieldKind::kWords:
      want(is_words(value), "a text, or a list of names and of lists of synonyms");
      return add(known, value);
    case FieldKind::kFlag: want(value.is_boolean(), "true or false"); return add(known, value);
    case FieldKind::kInteger:
    case FieldKind::kNumber: {
      want(value.is_number(), "a number");
      const double number = value.get<double>();
      want(known.kind == FieldKind::kNumber || number == std::floor(number), "a whole number");
      check_range(known, number);
      if (known.kind == FieldKind::kInteger) return add(known, static_cast<int64_t>(number));
      return add(known, number);
    }
    case FieldKind::kIntegers: {
      want(value.is_array() && value.size() <= kMostItems, "a list of whole numbers");
      for (const Json& item : value) {
        want(item.is_number_integer(), "a list of whole numbers");
        check_range(known, item.get<double>());
      }
      return add(known, value);
    }
    case FieldKind::kPhoto: {
      want(value.is_string(), "a picture file as Base64");
      auto bytes = decode_base64(value.get_ref<const std::string&>());
      want(bytes.has_value(), "a picture file as Base64");
      if (photo_) refuse_field(name, "is given twice");
      decoded_ = std::move(*bytes);
      photo_ = PhotoFile{decoded_, ""};
      return;
    }
  }
}

void Fields::add(const FieldSpec& known, Json value) {
  const auto [at, is_new] = values_.try_emplace(std::string(known.name), std::move(value));
  if (is_new) return;
  if (known.kind != FieldKind::kTexts) refuse_field(known.name, "is given twice");
  if (at->second.size() >= kMostItems) refuse_field(known.name, str("has more than ", kMostItems, " texts"));
  for (Json& item : value) at->second.push_back(std::move(item));
}

const Json* Fields::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

std::string Fields::text(std::string_view name, std::string_view unless) const {
  const Json* value = find(name);
  return value != nullptr ? value->get<std::string>() : std::string(unless);
}

bool Fields::flag(std::string_view name) const {
  const Json* value = find(name);
  return value != nullptr && value->get<bool>();
}

std::optional<double> Fields::number(std::string_view name) const {
  const Json* value = find(name);
  return value != nullptr ? std::optional(value->get<double>()) : std::nullopt;
}

std::vector<std::string> Fields::texts(std::string_view name) const {
  const Json* value = find(name);
  return value != nullptr ? value->get<std::vector<std::string>>() : std::vector<std::string>();
}

}  // namespace sclip
