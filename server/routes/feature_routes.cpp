// /v1/features: a photo is read once, and asked for any number of words.
#include <nlohmann/json.hpp>

#include "server/http/http_error.h"
#include "server/routes/answer_json.h"
#include "server/routes/route.h"
#include "server/routes/segment_answer.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

std::vector<FieldSpec> kept_fields() {
  return photo_fields() + reading_fields() + wait_fields();
}

HttpResponse read(Service& service, HttpRequest& request) {
  static const std::vector<FieldSpec> kFields = kept_fields();
  const Fields fields(request, kFields);
  if (!fields.photo()) throw HttpError(422, "no_photo", "no photo: send one as the field photo");
  const RequestPatience patience(service.watch(), deadline_of(service, fields.number("deadline_ms")),
                                 request.peer_gone);
  SentPhoto photo(service, fields.photo()->bytes, fields.photo()->name, fields.flag("salvage"));
  KeptPhoto wanted;
  wanted.config = fields.text("config");
  wanted.recipe = fields.text("recipe");
  wanted.options = resolve(segment_request(fields), service.engine().config());
  HttpResponse::Notes notes;
  const auto kept = read_photo(service, request, patience, photo, std::move(wanted), notes);
  const PhotoFeatures& features = *kept->features;
  const Json body = {{"id", kept->id},
                     {"photo", {{"path", kept->file_name}, {"width", features.width()}, {"height", features.height()}}},
                     {"windows", features.windows()},
                     {"grid", {{"width", features.grid_w()}, {"height", features.grid_h()}}},
                     {"bytes", features.bytes()}};
  HttpResponse response = indented_answer(body, 201);
  response.notes = notes;
  return response;
}

HttpResponse forget(Service& service, HttpRequest& request) {
  if (!service.features().remove(request.path_value)) {
    throw HttpError(404, "no_features", "there are no features of this id, or no more");
  }
  return {.status = 204, .type = "", .body = "", .headers = {}, .notes = {}};
}

constexpr std::string_view kAnswer =
    R"({"type": "object", "required": ["id", "photo", "windows", "bytes"],
        "properties": {"id": {"type": "string"}, "windows": {"type": "integer"}, "bytes": {"type": "integer"}}})";

}  // namespace

std::vector<Route> feature_routes() {
  return {{.method = "POST",
           .path = "/v1/features",
           .group = "photos",
           .summary = "Reads a photo and keeps what was found: /v1/segment?features=ID asks it for words",
           .body = BodyKind::kPhoto,
           .fields = kept_fields(),
           .example = R"({"photo": "PHOTO", "short_side": 64})",
           .answers = {{201, "the id", {"application/json"}, kAnswer}},
           .handle = read},
          {.method = "DELETE",
           .path = "/v1/features/{id}",
           .group = "photos",
           .summary = "Forgets a photo's features",
           .answers = {{204, "forgotten", {}}},
           .handle = forget}};
}

}  // namespace sclip
