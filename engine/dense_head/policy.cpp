#include "engine/dense_head/policy.h"

#include <algorithm>
#include <charconv>

#include "core/find_named.h"
#include "sclip/error.h"

namespace sclip {
namespace {

double to_number(std::string_view text, const PolicyOption& option, std::string_view policy) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Written so that NaN fails.
  const bool valid =
      error == std::errc{} && end == text.data() + text.size() && value >= option.min && value <= option.max;
  SCLIP_CHECK(valid, kInvalidArgument, "policy ", policy, ": option '", option.name, "' (", option.meaning,
              ") is a number from ", option.min, " to ", option.max, ", not '", text, "'");
  return value;
}

bool is_number(const PolicyOption& option) {
  return option.max > option.min;
}

}  // namespace

std::string Policy::spelling() const {
  std::string out(info_->name);
  char separator = ':';
  for (size_t i = 0; i < values_.size(); ++i) {
    const PolicyOption& option = info_->options[i];
    const bool usual = is_number(option) ? number(option.name) == to_number(option.value, option, info_->name)
                                         : values_[i] == option.value;
    if (usual) continue;
    out += std::exchange(separator, ',');
    out += str(option.name, "=", values_[i]);
  }
  return out;
}

double Policy::number(std::string_view name) const {
  const PolicyOption& option = find_named(info_->options, name, str("policy ", info_->name, " has no option"));
  return to_number(text(name), option, info_->name);
}

std::string_view Policy::text(std::string_view name) const {
  const PolicyOption& option = find_named(info_->options, name, str("policy ", info_->name, " has no option"));
  return values_[static_cast<size_t>(&option - info_->options.data())];
}

Policy parse_policy(std::string_view spelling, std::span<const PolicyInfo> table) {
  const size_t colon = std::min(spelling.find(':'), spelling.size());
  Policy out;
  out.info_ = &find_named(table, spelling.substr(0, colon), "there is no policy");
  const std::vector<PolicyOption>& options = out.info_->options;
  for (const PolicyOption& option : options) out.values_.emplace_back(option.value);

  std::string_view rest = spelling.substr(colon);
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the colon or a comma
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(item.size());
    const size_t equals = item.find('=');
    SCLIP_CHECK(equals != std::string_view::npos, kInvalidArgument, "policy '", spelling, "': '", item,
                "' is not an option: write NAME:OPTION=VALUE,OPTION=VALUE");
    const std::string_view value = item.substr(equals + 1);
    const PolicyOption& option =
        find_named(options, item.substr(0, equals), str("policy ", out.name(), " has no option"));
    if (is_number(option)) to_number(value, option, out.name());
    out.values_[static_cast<size_t>(&option - options.data())] = value;
  }
  return out;
}

Policy find_policy(std::string_view spelling) {
  return parse_policy(spelling, policies());
}

std::string describe_policies() {
  std::string out;
  for (const PolicyInfo& policy : policies()) {
    out += str(out.empty() ? "" : "\n", policy.name, ": ", policy.summary);
    for (const PolicyOption& option : policy.options) {
      out += str("; ", policy.name, ":", option.name, "=", option.value, " ", option.meaning);
    }
  }
  return out;
}

}  // namespace sclip
