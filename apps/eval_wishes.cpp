#include "apps/eval_wishes.h"

#include <algorithm>
#include <utility>

#include "apps/help.h"

namespace sclip {

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string part(text.substr(begin, end - begin));
    begin = end + 1;
    const bool option = part.find('=') != std::string::npos && part.find(':') == std::string::npos;
    if (option && !out.empty()) {
      out.back() += "," + part;
    } else {
      out.push_back(std::move(part));
    }
  }
  return out;
}

std::vector<EvalWish> parse_wishes(const std::string& policies, const std::string& refinements) {
  const bool all = policies == "all";
  std::vector<EvalWish> out;
  for (const std::string& policy : all ? find_option_facts("--policy")->choices() : split_list(policies)) {
    for (const std::string& refine : split_list(refinements)) out.push_back({policy, refine, {}, !all});
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
