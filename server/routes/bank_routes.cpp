// /v1/banks: word lists that have a name.
#include <nlohmann/json.hpp>

#include "server/http/http_error.h"
#include "server/routes/answer_json.h"
#include "server/routes/classes_json.h"
#include "server/routes/route.h"
#include "server/routes/segment_answer.h"

namespace sclip {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLongestName = 100;

std::vector<FieldSpec> bank_fields() {
  std::vector<FieldSpec> all = {{"name", FieldKind::kText, "the list's name: letters, digits, and . _ -"}};
  for (const FieldSpec& field : word_fields()) {
    if (field.name != "bank") all.push_back(field);
  }
  return all + wait_fields();
}

Json described(const std::string& name, const WordList& list) {
  return {{"name", name},
          {"content", list.content_hash()},
          {"classes", classes_json(list.classes)},
          {"templates", list.templates},
          {"warnings", list.classes.warnings()}};
}

[[noreturn]] void no_bank() {
  throw HttpError(404, "no_bank", "there is no word list of this name");
}

HttpResponse add_bank(Service& service, HttpRequest& request) {
  static const std::vector<FieldSpec> kFields = bank_fields();
  const Fields fields(request, kFields);
  const std::string name = fields.text("name");
  if (!is_request_id(name) || name.size() > kLongestName) {
    refuse_field("name", str("must have 1 to ", kLongestName, " letters, digits, and . _ -"));
  }
  const RequestPatience patience(service.watch(), deadline_of(service, fields.number("deadline_ms")),
                                 request.peer_gone);
  const WordList list = word_list(fields, service);
  service.banks().get(list, patience);  // what is wrong with the words shows now, and the first photo does not wait
  const bool is_new = service.named_banks().add(name, list);
  return indented_answer(described(name, list), is_new ? 201 : 200);
}

HttpResponse all_banks(Service& service, HttpRequest&) {
  Json list = Json::array();
  for (const auto& [name, words] : service.named_banks().all()) {
    list.push_back({{"name", name}, {"classes", words.classes.size()}, {"queries", words.classes.queries().size()}});
  }
  return indented_answer({{"banks", std::move(list)}});
}

HttpResponse one_bank(Service& service, HttpRequest& request) {
  const auto list = service.named_banks().find(request.path_value);
  if (!list) no_bank();
  return indented_answer(described(request.path_value, *list));
}

HttpResponse forget_bank(Service& service, HttpRequest& request) {
  if (!service.named_banks().remove(request.path_value)) no_bank();
  return {.status = 204, .type = "", .body = "", .headers = {}, .notes = {}};
}

}  // namespace

std::vector<Route> bank_routes() {
  return {{.method = "POST",
           .path = "/v1/banks",
           .group = "words",
           .summary = "Gives a word list a name, and computes its embeddings",
           .body = BodyKind::kJson,
           .fields = bank_fields(),
           .example = R"({"name": "landscape", "classes": "sky; grass, meadow"})",
           .answers = {{201, "the list is there now", {"application/json"}},
                       {200, "it was there already", {"application/json"}}},
           .errors = {409, 429, 504},
           .handle = add_bank},
          {.method = "GET",
           .path = "/v1/banks",
           .group = "words",
           .summary = "The names that there are",
           .answers = {{200, "the names", {"application/json"}}},
           .handle = all_banks},
          {.method = "GET",
           .path = "/v1/banks/{name}",
           .group = "words",
           .summary = "One list",
           .answers = {{200, "the list", {"application/json"}}},
           .handle = one_bank},
          {.method = "DELETE",
           .path = "/v1/banks/{name}",
           .group = "words",
           .summary = "Forgets a list",
           .answers = {{204, "forgotten", {}}},
           .handle = forget_bank}};
}

}  // namespace sclip
