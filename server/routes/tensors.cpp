#include "server/routes/tensors.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>
#include <utility>

#include "server/http/http_error.h"
#include "server/routes/fields.h"

namespace sclip {
namespace {

using Json = InferenceRequest::Json;

constexpr size_t kMostTensors = 16;
constexpr size_t kMostJsonValues = size_t{1} << 22;

[[noreturn]] void refuse_inference(const std::string& why) {
  throw HttpError(400, "bad_inference_request", why);
}

int64_t elements(const std::vector<int64_t>& shape, const std::string& name) {
  int64_t count = 1;
  for (const int64_t side : shape) {
    if (side < 0 || __builtin_mul_overflow(count, side, &count))
      refuse_inference("the shape of input '" + name + "' is impossible");
  }
  return count;
}

const Json& member(const Json& json, const char* name, bool right) {
  if (!right) refuse_inference(str("the inference request has no '", name, "' of the right kind"));
  return json[name];
}

std::string text_of(const Json& json, const char* name) {
  return member(json, name, json.contains(name) && json[name].is_string()).get<std::string>();
}

bool flag_of(const Json& json, const char* name) {
  return json.is_object() && json.contains(name) && json[name].is_boolean() && json[name].get<bool>();
}

std::vector<std::string> split_strings(std::string_view bytes, const std::string& name) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    uint32_t length = 0;
    if (bytes.size() < sizeof length) refuse_inference("input '" + name + "' ends within the length of an element");
    std::memcpy(&length, bytes.data(), sizeof length);  // little endian, as everything here
    bytes.remove_prefix(sizeof length);
    if (length > bytes.size()) refuse_inference("input '" + name + "' ends within an element");
    out.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return out;
}

// JSON's numbers, nested or flat.
void flatten(const Json& data, std::vector<const Json*>& out, int depth = 0) {
  if (depth > 8 || out.size() > kMostJsonValues)
    refuse_inference("an input has too much data in JSON: send it as binary data");
  for (const Json& item : data) {
    if (item.is_array()) {
      flatten(item, out, depth + 1);
    } else {
      out.push_back(&item);
    }
  }
}

}  // namespace

InferenceRequest::InferenceRequest(const HttpRequest& request) {
  std::string_view text = request.body, binary;
  if (const std::string length = request.header("Inference-Header-Content-Length"); !length.empty()) {
    size_t bytes = 0;
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bytes);
    if (error != std::errc() || end != length.data() + length.size() || bytes > text.size()) {
      refuse_inference("Inference-Header-Content-Length is not a number of bytes of this body");
    }
    binary = text.substr(bytes);
    text = text.substr(0, bytes);
  }
  const Json json = parse_json_body(text);
  if (!json.is_object()) refuse_inference("the inference request is not an object");
  if (json.contains("id") && json["id"].is_string()) id_ = json["id"].get<std::string>();
  if (json.contains("parameters")) {
    parameters_ = member(json, "parameters", json["parameters"].is_object());
    binary_by_default_ = flag_of(parameters_, "binary_data_output");
  }
  const Json& inputs = member(json, "inputs", json.contains("inputs") && json["inputs"].is_array());
  if (inputs.size() > kMostTensors) refuse_inference("there are too many inputs");
  inputs_.reserve(inputs.size());  // tensors are looked at where they lie
  for (const Json& input : inputs) read_input(input, binary);
  if (!binary.empty()) refuse_inference(str(binary.size(), " bytes of binary data belong to no input"));
  if (!json.contains("outputs")) return;
  const Json& outputs = member(json, "outputs", json["outputs"].is_array() && json["outputs"].size() <= kMostTensors);
  for (const Json& output : outputs) {
    if (!output.is_object()) refuse_inference("an output is not an object");
    Output wanted{text_of(output, "name"), binary_by_default_};
    if (output.contains("parameters") && output["parameters"].contains("binary_data")) {
      wanted.binary = flag_of(output["parameters"], "binary_data");
    }
    outputs_.push_back(std::move(wanted));
  }
}

void InferenceRequest::read_input(const Json& json, std::string_view& binary) {
  if (!json.is_object()) refuse_inference("an input is not an object");
  InputTensor tensor;
  tensor.name = text_of(json, "name");
  tensor.datatype = text_of(json, "datatype");
  const Json& shape =
      member(json, "shape", json.contains("shape") && json["shape"].is_array() && json["shape"].size() <= 8);
  for (const Json& side : shape) {
    if (!side.is_number_integer())
      refuse_inference("the shape of input '" + tensor.name + "' is no list of whole numbers");
    tensor.shape.push_back(side.get<int64_t>());
  }
  const int64_t count = elements(tensor.shape, tensor.name);
  if (tensor.datatype != "BYTES" && tensor.datatype != "UINT8") {
    refuse_inference(
        str("input '", tensor.name, "' is of ", tensor.datatype.substr(0, 20), "; BYTES and UINT8 are read"));
  }
  const bool strings = tensor.datatype == "BYTES";
  size_t given = 0;
  const Json parameters =
      json.contains("parameters") && json["parameters"].is_object() ? json["parameters"] : Json::object();
  if (parameters.contains("binary_data_size")) {
    const Json& size = parameters["binary_data_size"];
    if (!size.is_number_unsigned() || size.get<uint64_t>() > binary.size()) {
      refuse_inference("input '" + tensor.name + "' has more binary data than the body");
    }
    tensor.bytes = binary.substr(0, size.get<size_t>());
    binary.remove_prefix(tensor.bytes.size());
    if (strings) tensor.strings = split_strings(tensor.bytes, tensor.name);
    given = strings ? tensor.strings.size() : tensor.bytes.size();
  } else {
    const Json& data = member(json, "data", json.contains("data") && json["data"].is_array());
    std::vector<const Json*> items;
    flatten(data, items);
    tensor.in_json = true;
    for (const Json* item : items) {
      if (strings) {
        if (!item->is_string()) refuse_inference("input '" + tensor.name + "' has an element that is no text");
        tensor.strings.push_back(item->get<std::string>());
      } else {
        if (!item->is_number_integer() || item->get<int64_t>() < 0 || item->get<int64_t>() > 255) {
          refuse_inference("input '" + tensor.name + "' has an element that is not in 0…255");
        }
        tensor.owned_ += static_cast<char>(item->get<int>());
      }
    }
    given = items.size();
  }
  if (static_cast<int64_t>(given) != count) {
    refuse_inference(str("input '", tensor.name, "' has ", given, " elements, and its shape says ", count));
  }
  inputs_.push_back(std::move(tensor));
  if (inputs_.back().in_json) inputs_.back().bytes = inputs_.back().owned_;
}

const InputTensor* InferenceRequest::input(std::string_view name) const {
  const auto found = std::find_if(inputs_.begin(), inputs_.end(), [&](const InputTensor& t) { return t.name == name; });
  return found == inputs_.end() ? nullptr : &*found;
}

std::vector<std::string> InferenceRequest::input_names() const {
  std::vector<std::string> names;
  for (const InputTensor& tensor : inputs_) names.push_back(tensor.name);
  return names;
}

InferenceAnswer::InferenceAnswer(std::string_view model, std::string_view version, const std::string& id) {
  json_ = str("{\"model_name\":\"", model, "\",\"model_version\":\"", version, "\"");
  if (!id.empty()) json_ += ",\"id\":" + Json(id).dump(-1, ' ', false, Json::error_handler_t::replace);
  json_ += ",\"outputs\":[";
}

void InferenceAnswer::head(std::string_view name, std::string_view datatype, const std::vector<int64_t>& shape) {
  if (!std::exchange(first_, false)) json_ += ",";
  json_ += str("{\"name\":\"", name, "\",\"datatype\":\"", datatype, "\",\"shape\":", Json(shape).dump());
}

void InferenceAnswer::tail(std::string_view bytes) {
  json_ += str(",\"parameters\":{\"binary_data_size\":", bytes.size(), "}}");
  binary_ += bytes;
}

template <typename T>
void InferenceAnswer::add(std::string_view name, std::string_view datatype, const std::vector<int64_t>& shape,
                          std::span<const T> values, bool binary) {
  head(name, datatype, shape);
  if (binary) return tail({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
  if (values.size() > kMostJsonValues) {
    throw HttpError(
        413, "too_large",
        str("output '", name, "' has ", values.size(), " elements: ask for it as binary data (binary_data)"));
  }
  json_ += ",\"data\":[";
  char text[40];
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) json_ += ',';
    json_.append(text, std::to_chars(text, text + sizeof text, values[i]).ptr);
  }
  json_ += "]}";
}

template void InferenceAnswer::add(std::string_view, std::string_view, const std::vector<int64_t>&,
                                   std::span<const uint16_t>, bool);
template void InferenceAnswer::add(std::string_view, std::string_view, const std::vector<int64_t>&,
                                   std::span<const float>, bool);
template void InferenceAnswer::add(std::string_view, std::string_view, const std::vector<int64_t>&,
                                   std::span<const double>, bool);

void InferenceAnswer::add(std::string_view name, const std::vector<std::string>& strings, bool binary) {
  head(name, "BYTES", {static_cast<int64_t>(strings.size())});
  if (!binary) {
    json_ += ",\"data\":" + Json(strings).dump(-1, ' ', false, Json::error_handler_t::replace) + "}";
    return;
  }
  std::string bytes;
  for (const std::string& text : strings) {
    const auto length = static_cast<uint32_t>(text.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
    bytes += text;
  }
  tail(bytes);
}

HttpResponse InferenceAnswer::response() {
  json_ += "]}";
  HttpResponse response;
  if (binary_.empty()) {
    response.type = "application/json";
    response.body = std::move(json_);
    return response;
  }
  response.type = "application/octet-stream";
  response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(json_.size()));
  response.body = std::move(json_);
  response.body += binary_;
  return response;
}

}  // namespace sclip
