#include "weights/guarded_json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "sclip/error.h"
#include "weights/blob_header.h"

namespace sclip {
namespace {

using Json = nlohmann::json;

// nlohmann::json keeps the last of two equal keys without a word; a blob with two has been tampered with.
class KeyGuard {
 public:
  KeyGuard(size_t max_depth, const std::string& where) : max_depth_(max_depth), where_(where) {}

  void see(Json::parse_event_t event, const Json& value) {
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        SCLIP_CHECK(open_.size() < max_depth_, kCorruptData, where_, " nests deeper than ", max_depth_, " levels");
        open_.emplace_back();
        break;
      case Json::parse_event_t::object_end:
      case Json::parse_event_t::array_end: open_.pop_back(); break;
      case Json::parse_event_t::key: {
        const std::string& key = value.get_ref<const std::string&>();
        SCLIP_CHECK(open_.back().insert(key).second, kCorruptData, where_, " has ", printable(key), " twice");
        break;
      }
      case Json::parse_event_t::value: break;
    }
  }

 private:
  size_t max_depth_;
  const std::string& where_;
  std::vector<std::set<std::string>> open_;
};

}  // namespace

Json parse_guarded_json(std::string_view text, size_t max_depth, const std::string& where) {
  KeyGuard guard(max_depth, where);
  return Json::parse(text, [&](int, Json::parse_event_t event, Json& value) {
    guard.see(event, value);
    return true;
  });
}

}  // namespace sclip
