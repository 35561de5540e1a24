#include "apps/eval_wishes.h"

#include <algorithm>
#include <utility>

#include "apps/help.h"
#include "sclip/policies.h"

namespace sclip {

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    out.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::vector<EvalWish> parse_wishes(const std::string& policies, const std::string& refinements) {
  const bool all = policies == "all";
  std::vector<std::string> names = {""};  // the recipe's, or the usual one
  if (all) {
    names = find_option_facts("--policy")->choices();
  } else if (!policies.empty()) {
    names = split_policies(policies);
  }
  std::vector<EvalWish> out;
  for (const std::string& policy : names) {
    for (const std::string& refine : split_names(refinements)) out.push_back({policy, refine, {}, !all});
  }
  return out;
}

std::vector<EvalWish> table_wishes(int table) {
  std::vector<EvalWish> out;
  for (const PublishedRow& row : published_rows()) {
    if (row.table != table) continue;
    out.push_back({std::string(row.policy), std::string(row.refine), row.protocol, /*required=*/false});
  }
  return out;
}

}  // namespace sclip
