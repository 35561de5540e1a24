// The Open Inference Protocol (v2), which the clients of KServe and Triton speak. One model, "sclip": a photo and words
// in, a mask out.
#include <nlohmann/json.hpp>

#include "core/version.h"
#include "server/base64.h"
#include "server/http/http_error.h"
#include "server/routes/answer_json.h"
#include "server/routes/route.h"
#include "server/routes/segment_answer.h"
#include "server/routes/tensors.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kModel = "sclip", kVersion = "1";

// What a request's parameters may say.
std::vector<FieldSpec> parameters() {
  std::vector<FieldSpec> all;
  for (const FieldSpec& field : word_fields() + reading_fields() + score_fields() + wait_fields()) {
    if (field.name != "classes") all.push_back(field);
  }
  all.push_back({"salvage", FieldKind::kFlag, "of a damaged picture, take what is there"});
  return all;
}

HttpResponse model_live(Service&, HttpRequest&) {
  return compact_answer({{"live", true}});
}

HttpResponse model_ready(Service& service, HttpRequest&) {
  return compact_answer({{"ready", service.ready()}}, service.ready() ? 200 : 503);
}

HttpResponse server_facts(Service&, HttpRequest&) {
  return compact_answer({{"name", kModel}, {"version", version()}, {"extensions", {"binary_tensor_data"}}});
}

HttpResponse model_facts(Service&, HttpRequest&) {
  return compact_answer({{"name", kModel},
                         {"versions", {kVersion}},
                         {"platform", "sclip"},
                         {"inputs",
                          {{{"name", "image"}, {"datatype", "BYTES"}, {"shape", {1}}},
                           {{"name", "words"}, {"datatype", "BYTES"}, {"shape", {-1}}}}},
                         {"outputs",
                          {{{"name", "mask"}, {"datatype", "UINT16"}, {"shape", {-1, -1}}},
                           {{"name", "scores"}, {"datatype", "FP32"}, {"shape", {-1, -1}}},
                           {{"name", "labels"}, {"datatype", "BYTES"}, {"shape", {-1}}},
                           {{"name", "shares"}, {"datatype", "FP64"}, {"shape", {-1}}}}}});
}

// The picture file of the input `image`; pixels become one that says so.
std::string picture_of(const InferenceRequest& inference) {
  const InputTensor* image = inference.input("image");
  if (image == nullptr) throw HttpError(422, "no_photo", "there is no input 'image'");
  if (image->datatype == "UINT8") {
    const std::vector<int64_t>& shape = image->shape;
    if (shape.size() != 3 || shape[2] != 3 || shape[0] < 1 || shape[1] < 1) {
      throw HttpError(422, "bad_field", "input 'image' of UINT8 must have the shape (height, width, 3)");
    }
    std::string file = str("P6\n", shape[1], " ", shape[0], "\n255\n");
    file += image->bytes;
    return file;
  }
  if (image->strings.size() != 1) {
    throw HttpError(422, "bad_field",
                    str("input 'image' has ", image->strings.size(),
                        " pictures; send one a request: "
                        "the service puts requests together by itself"));
  }
  if (!image->in_json) return image->strings[0];
  auto bytes = decode_base64(image->strings[0]);
  if (!bytes) throw HttpError(422, "bad_field", "input 'image' in JSON must be a picture file as Base64");
  return std::move(*bytes);
}

// An element a class, its synonyms joined by ','.
ClassList classes_of(const std::vector<std::string>& elements) {
  std::string text;
  for (const std::string& element : elements) text += (text.empty() ? "" : ";") + element;
  return parse_class_argument(text);
}

HttpResponse infer(Service& service, HttpRequest& request) {
  static const std::vector<FieldSpec> kParameters = parameters();
  const InferenceRequest inference(request);
  for (const std::string& name : inference.input_names()) {
    if (name != "image" && name != "words") {
      throw HttpError(422, "unknown_input", "there is no input '" + name.substr(0, 60) + "': image and words are read");
    }
  }
  Json given = inference.parameters();
  given.erase("binary_data_output");
  Fields fields(given, kParameters);
  const InputTensor* names = inference.input("words");
  if (names != nullptr) fields.set_classes(classes_of(names->strings));
  std::vector<InferenceRequest::Output> outputs = inference.outputs();
  if (outputs.empty()) {
    for (const char* name : {"mask", "labels"}) outputs.push_back({name, inference.binary_by_default()});
  }
  SegmentTask task;
  for (const auto& output : outputs) {
    if (output.name != "mask" && output.name != "scores" && output.name != "labels" && output.name != "shares") {
      throw HttpError(422, "unknown_output",
                      "there is no output '" + output.name.substr(0, 60) + "': mask, scores, labels, shares");
    }
    task.scores |= output.name == "scores";
  }
  const RequestPatience patience(service.watch(), deadline_of(service, fields.number("deadline_ms")),
                                 request.peer_gone);
  const std::string file = picture_of(inference);
  request.memory.grow(static_cast<int64_t>(file.size()));
  SentPhoto photo(service, file, "", fields.flag("salvage"));
  task.options = resolve(segment_request(fields), service.engine().config());
  cost_of(service, photo.width(), photo.height(), task.options);
  task.bank = service.banks().get(asked_words(fields, service).list, patience);
  const SegmentDone done = segment_photo(service, request, patience, photo, task);

  const Segmentation& s = done.segmentation;
  const ClassList& classes = task.bank->classes();
  InferenceAnswer reply(kModel, kVersion, inference.id());
  for (const auto& output : outputs) {
    if (output.name == "mask") {
      reply.add("mask", "UINT16", {s.height, s.width}, std::span<const uint16_t>(s.labels), output.binary);
    } else if (output.name == "scores") {
      reply.add("scores", "FP32", {s.height, s.width}, std::span<const float>(s.scores), output.binary);
    } else if (output.name == "labels") {
      reply.add("labels", classes.class_names(), output.binary);
    } else {
      std::vector<double> shares;
      const double pixels = static_cast<double>(s.width) * s.height;
      for (const ClassStatistics& c : s.classes) shares.push_back(static_cast<double>(c.pixels) / pixels);
      reply.add("shares", "FP64", {static_cast<int64_t>(shares.size())}, std::span<const double>(shares),
                output.binary);
    }
  }
  HttpResponse response = reply.response();
  response.notes = done.notes;
  return response;
}

}  // namespace

std::vector<Route> inference_routes() {
  const auto get = [](std::string_view path, std::string_view summary, auto handle, std::vector<RouteAnswer> answers) {
    return Route{.method = "GET",
                 .path = path,
                 .group = "Open Inference Protocol",
                 .summary = summary,
                 .answers = std::move(answers),
                 .open = path.starts_with("/v2/health"),
                 .handle = handle};
  };
  const RouteAnswer yes{200, "yes", {"application/json"}}, no{503, "no", {"application/json"}};
  return {
      get("/v2", "What this server is", server_facts, {yes}),
      get("/v2/health/live", "Whether the process lives", model_live, {yes}),
      get("/v2/health/ready", "Whether requests are computed", model_ready, {yes, no}),
      get("/v2/models/sclip", "What goes in and what comes out", model_facts, {yes}),
      get("/v2/models/sclip/ready", "Whether the model is ready", model_ready, {yes, no}),
      {.method = "POST",
       .path = "/v2/models/sclip/infer",
       .group = "Open Inference Protocol",
       .summary = "Segments the input image by the input words",
       .body = BodyKind::kInference,
       .fields = parameters(),
       .example =
           R"({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ["PHOTO"]}, {"name": "words", "shape": [2], "datatype": "BYTES", "data": ["sky", "grass"]}]})",
       .answers = {{200, "the tensors", {"application/json", "application/octet-stream"}}},
       .handle = infer}};
}

}  // namespace sclip
