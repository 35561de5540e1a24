#include "results/choice_names.h"

#include "sclip/class_list.h"
#include "sclip/policies.h"
#include "sclip/recipes.h"
#include "sclip/segment_config.h"

namespace sclip {
namespace {

template <typename Range>
std::vector<std::string> names_of(const Range& range) {
  std::vector<std::string> names;
  for (const auto& each : range) names.emplace_back(each.name);
  return names;
}

}  // namespace

std::vector<std::string> policy_names() {
  return names_of(list_policies());
}
std::vector<std::string> config_names() {
  return names_of(named_configs());
}
std::vector<std::string> protocol_names() {
  return names_of(named_protocols());
}

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const Recipe& recipe : recipes()) {
    if (names.empty() || names.back() != recipe.method) names.emplace_back(recipe.method);
  }
  return names;
}

std::vector<std::string> class_list_names() {
  const auto all = builtin_class_file_names();
  return {all.begin(), all.end()};
}

std::vector<std::string> refiner_names() {
  return {"none", "pamr", "pearl"};
}

}  // namespace sclip
