// Tensors of the Open Inference Protocol (v2), with its extension for binary data.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/message.h"

namespace sclip {

struct InputTensor {
  std::string name, datatype;
  std::vector<int64_t> shape;
  std::string_view bytes;            // of a number type, row by row
  std::vector<std::string> strings;  // of BYTES
  bool in_json = false;              // strings came as JSON's

 private:
  friend class InferenceRequest;
  std::string owned_;  // numbers that came as JSON
};

class InferenceRequest {
 public:
  using Json = nlohmann::ordered_json;

  // Throws HttpError 400. `request` outlives the object.
  explicit InferenceRequest(const HttpRequest& request);

  const std::string& id() const { return id_; }
  const Json& parameters() const { return parameters_; }  // an object
  const InputTensor* input(std::string_view name) const;  // null: not given
  std::vector<std::string> input_names() const;

  struct Output {
    std::string name;
    bool binary = false;
  };
  const std::vector<Output>& outputs() const { return outputs_; }  // empty: all

  bool binary_by_default() const { return binary_by_default_; }

 private:
  void read_input(const Json& json, std::string_view& binary);

  std::string id_;
  Json parameters_ = Json::object();
  std::vector<InputTensor> inputs_;
  std::vector<Output> outputs_;
  bool binary_by_default_ = false;
};

// The answer, tensor by tensor.
class InferenceAnswer {
 public:
  InferenceAnswer(std::string_view model, std::string_view version, const std::string& id);

  template <typename T>
  void add(std::string_view name, std::string_view datatype, const std::vector<int64_t>& shape,
           std::span<const T> values, bool binary);
  void add(std::string_view name, const std::vector<std::string>& strings, bool binary);

  HttpResponse response();

 private:
  void head(std::string_view name, std::string_view datatype, const std::vector<int64_t>& shape);
  void tail(std::string_view bytes);

  std::string json_, binary_;
  bool first_ = true;
};

}  // namespace sclip
