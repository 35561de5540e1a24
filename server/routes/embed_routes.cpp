// /v1/embed and /v1/classify: CLIP's own embeddings, and what a whole photo shows.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/npy.h"
#include "server/http/http_error.h"
#include "server/routes/route.h"
#include "server/routes/segment_answer.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;
using enum FieldKind;

constexpr std::string_view kNpy = "application/x-npy";
constexpr int64_t kTextsAWindow = 4;  // that take about the time of one

std::vector<FieldSpec> embed_fields() {
  return photo_fields() +
         std::vector<FieldSpec>{
             {"texts", kTexts, "texts instead of a photo; each becomes a row"},
             {"truncate", kFlag, "cut texts that are too long for the model instead of refusing them"}} +
         wait_fields();
}

std::vector<FieldSpec> classify_fields() {
  return photo_fields() + word_fields() +
         std::vector<FieldSpec>{{"top", kInteger, "how many classes are answered; 0: all", 0, 65536},
                                {"logit_scale", kNumber, "cosines are multiplied by this before the softmax", 0, 1e6}} +
         wait_fields();
}

HttpResponse embed(Service& service, HttpRequest& request) {
  static const std::vector<FieldSpec> kFields = embed_fields();
  const Fields fields(request, kFields);
  const std::string accept = request.header("Accept");
  const bool json = accepts(accept, "application/json");
  if (!json && !accepts(accept, kNpy)) {
    throw HttpError(406, "not_acceptable", "JSON and NumPy's arrays can be answered, and Accept takes neither");
  }
  const RequestPatience patience(service.watch(), deadline_of(service, fields.number("deadline_ms")),
                                 request.peer_gone);
  const std::vector<std::string> texts = fields.texts("texts");
  if (fields.photo().has_value() == !texts.empty()) {
    throw HttpError(422, "no_photo", "give a photo or texts, and not both: an answer holds one kind of embedding");
  }
  const auto rows = static_cast<int64_t>(std::max<size_t>(texts.size(), 1));
  if (rows > service.options().max_queries) {
    throw HttpError(
        413, "too_many_words",
        str("there are ", rows, " texts; a request may have ", service.options().max_queries, " (--max-words)"));
  }
  HttpResponse response;
  std::vector<float> values;
  if (fields.photo()) {
    SentPhoto photo(service, fields.photo()->bytes, fields.photo()->name, fields.flag("salvage"));
    const Batcher::Place place = service.batcher().admit(1, patience.seconds_left());
    request.memory.grow(3 * photo.pixels());
    PhotoFacts facts;
    auto picture = photo.decode(service, patience, facts);
    values = with_session(
        service, patience, picture, 1,
        [picture](Session& session, const RunControl&) { return session.embed_image(picture->view()); },
        response.notes);
  } else {
    const int64_t windows = (rows + kTextsAWindow - 1) / kTextsAWindow;
    const Batcher::Place place = service.batcher().admit(windows, patience.seconds_left());
    values = with_session(
        service, patience, nullptr, windows,
        [texts, truncate = fields.flag("truncate")](Session& session, const RunControl& control) {
          return session.embed_texts(texts, truncate, control);
        },
        response.notes);
  }
  const int64_t width = service.engine().config().embed_dim;
  if (!json || (accept.find(kNpy) != std::string::npos && accept.find("json") == std::string::npos)) {
    const auto bytes = encode_npy({values.data(), DType::kF32, {rows, width}});
    response.type = kNpy;
    response.body.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return response;
  }
  Json list = Json::array();
  for (int64_t row = 0; row < rows; ++row) {
    list.push_back(std::vector<float>(values.begin() + row * width, values.begin() + (row + 1) * width));
  }
  response.type = "application/json";
  response.body = Json{{"embeddings", std::move(list)}}.dump() + "\n";
  return response;
}

HttpResponse classify_photo(Service& service, HttpRequest& request) {
  static const std::vector<FieldSpec> kFields = classify_fields();
  const Fields fields(request, kFields);
  if (!fields.photo()) throw HttpError(422, "no_photo", "no photo: send one as the field photo");
  const RequestPatience patience(service.watch(), deadline_of(service, fields.number("deadline_ms")),
                                 request.peer_gone);
  SentPhoto photo(service, fields.photo()->bytes, fields.photo()->name, fields.flag("salvage"));
  const AskedWords words = asked_words(fields, service);
  const auto bank = service.banks().get(words.list, patience);
  const float scale = static_cast<float>(
      fields.number("logit_scale").value_or(static_cast<double>(service.engine().config().logit_scale)));
  if (!(scale > 0)) refuse_field("logit_scale", "must be above 0");
  HttpResponse response;
  std::vector<float> found;
  PhotoFacts facts;
  {
    const Batcher::Place place = service.batcher().admit(1, patience.seconds_left());
    request.memory.grow(3 * photo.pixels());
    auto picture = photo.decode(service, patience, facts);
    found = with_session(
        service, patience, picture, 1,
        [picture, bank, scale](Session& session, const RunControl&) {
          return classify(session, picture->view(), *bank, scale);
        },
        response.notes);
  }
  std::vector<size_t> order(found.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return found[a] > found[b]; });
  const auto top = static_cast<size_t>(fields.number("top").value_or(10));
  if (top > 0 && order.size() > top) order.resize(top);
  Json list = Json::array();
  for (const size_t i : order) {
    list.push_back({{"id", i}, {"name", bank->classes().class_names()[i]}, {"probability", found[i]}});
  }
  const DeviceFacts& device = service.engine().device();
  std::vector<std::string> warnings = bank->warnings();
  warnings.insert(warnings.end(), facts.warnings.begin(), facts.warnings.end());
  const Json body = {{"photo", photo.name()},
                     {"classes", std::move(list)},
                     {"logit_scale", scale},
                     {"device", {{"name", device.name}, {"precision", to_string(device.precision)}}},
                     {"warnings", warnings}};
  response.type = "application/json";
  response.body = body.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return response;
}

}  // namespace

std::vector<Route> embed_routes() {
  return {{.method = "POST",
           .path = "/v1/embed",
           .group = "photos",
           .summary = "CLIP's unit embedding of a photo, or of texts",
           .body = BodyKind::kPhoto,
           .fields = embed_fields(),
           .example = R"({"texts": ["a photo of a cat"]})",
           .answers = {{200, "the embeddings", {"application/json", kNpy}}},
           .errors = {406},
           .handle = embed},
          {.method = "POST",
           .path = "/v1/classify",
           .group = "photos",
           .summary = "Which of the classes a whole photo shows",
           .body = BodyKind::kPhoto,
           .fields = classify_fields(),
           .example = R"({"photo": "PHOTO", "classes": "cat; dog"})",
           .answers = {{200, "classes, the most probable first", {"application/json"}}},
           .handle = classify_photo}};
}

}  // namespace sclip
