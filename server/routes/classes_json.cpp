#include "server/routes/classes_json.h"

namespace sclip {

using Json = nlohmann::ordered_json;

Json classes_json(const ClassList& classes) {
  Json all = Json::array();
  size_t query = 0;
  for (size_t i = 0; i < classes.size(); ++i) {
    Json queries = Json::array();
    for (; query < classes.queries().size() && classes.query_class()[query] == static_cast<int32_t>(i); ++query) {
      queries.push_back(classes.queries()[query]);
    }
    all.push_back({{"id", i}, {"name", classes.class_names()[i]}, {"queries", std::move(queries)}});
  }
  return all;
}

}  // namespace sclip
