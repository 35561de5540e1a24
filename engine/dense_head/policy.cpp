#include "engine/dense_head/policy.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/file.h"
#include "core/find_named.h"
#include "core/hash.h"
#include "sclip/error.h"

namespace sclip {
namespace {

bool is_number(const PolicyOption& option) {
  return option.max > option.min;
}

// "a number from 0.01 to 1000", "one of 1, 3, 5 … 99"
std::string range(const PolicyOption& o) {
  if (o.step == 0) return str("a number from ", o.min, " to ", o.max);
  if (o.step == 1) return str("a whole number from ", o.min, " to ", o.max);
  return str("one of ", o.min, ", ", o.min + o.step, ", ", o.min + 2 * o.step, " … ", o.max);
}

double to_number(std::string_view text, const PolicyOption& option, std::string_view policy) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Written so that NaN fails.
  bool valid = error == std::errc{} && end == text.data() + text.size() && value >= option.min && value <= option.max;
  if (valid && option.step > 0) valid = std::fmod(value - option.min, option.step) == 0;
  SCLIP_CHECK(valid, kInvalidArgument, "policy ", policy, ": option '", option.name, "' (", option.meaning, ") is ",
              range(option), ", not '", text, "'");
  return value;
}

// `local-5` in two: the row of `local`, and "5". No row where the name is no such thing.
std::pair<const PolicyInfo*, std::string_view> split_name(std::string_view name, std::span<const PolicyInfo> table) {
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos) return {};
  for (const PolicyInfo& info : table) {
    if (!info.in_name.empty() && info.name == name.substr(0, dash)) return {&info, name.substr(dash + 1)};
  }
  return {};
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

const PolicyOption& Policy::option(std::string_view name) const {
  return find_named(info_->options, name, str("policy ", info_->name, " has no option"));
}

double Policy::number(std::string_view name) const {
  return to_number(text(name), option(name), info_->name);
}

std::string_view Policy::text(std::string_view name) const {
  return values_[static_cast<size_t>(&option(name) - info_->options.data())];
}

std::vector<std::string> Policy::files() const {
  std::vector<std::string> out;
  for (size_t i = 0; i < values_.size(); ++i) {
    if (info_->options[i].file && !values_[i].empty()) out.push_back(values_[i]);
  }
  return out;
}

std::string Policy::file_hashes() const {
  std::string out;
  for (const std::string& file : files()) out += sha256_hex(MappedFile(file).bytes());
  return out;
}

void Policy::set(std::string_view item) {
  const size_t equals = item.find('=');
  SCLIP_CHECK(equals != std::string_view::npos, kInvalidArgument, "policy ", info_->name, ": '", item,
              "' is not an option: write NAME:OPTION=VALUE,OPTION=VALUE");
  const PolicyOption& option = this->option(item.substr(0, equals));
  const std::string_view value = item.substr(equals + 1);
  SCLIP_CHECK(value.find(',') == std::string_view::npos, kInvalidArgument, "policy ", info_->name, ": the value of '",
              option.name, "' is '", value, "': a comma begins the next option, and cannot be part of one");
  if (is_number(option)) to_number(value, option, info_->name);
  values_[static_cast<size_t>(&option - info_->options.data())] = value;
}

Policy parse_policy(std::string_view spelling, std::span<const PolicyInfo> table, std::span<const std::string> more) {
  const size_t colon = std::min(spelling.find(':'), spelling.size());
  const std::string_view name = spelling.substr(0, colon);
  Policy out;
  const auto [prefix, value] = split_name(name, table);
  out.info_ = prefix != nullptr ? prefix : &find_named(table, name, "there is no policy");
  for (const PolicyOption& option : out.info_->options) out.values_.emplace_back(option.value);
  if (prefix != nullptr) out.set(str(prefix->in_name, "=", value));

  std::string_view rest = spelling.substr(colon);
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the colon or a comma
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(item.size());
    out.set(item);
  }
  for (const std::string& item : more) out.set(item);
  return out;
}

Policy find_policy(std::string_view spelling, std::span<const std::string> more) {
  return parse_policy(spelling, policies(), more);
}

std::vector<PolicyFacts> list_policies() {
  std::vector<PolicyFacts> out;
  for (const PolicyInfo& policy : policies()) {
    PolicyFacts facts{.name = policy.name,
                      .summary = policy.summary,
                      .reads = policy.reads,
                      .cost = policy.cost,
                      .published = policy.published,
                      .source = policy.source,
                      .in_name = policy.in_name,
                      .options = {}};
    for (const PolicyOption& o : policy.options) {
      facts.options.push_back({o.name, o.value, o.meaning, is_number(o) ? range(o) : o.file ? "a file" : "a text"});
    }
    out.push_back(std::move(facts));
  }
  return out;
}

std::vector<std::string> files_of_policy(std::string_view spelling, std::span<const std::string> more) {
  return find_policy(spelling, more).files();
}

std::vector<std::string> split_policies(std::string_view list) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view piece = list.substr(begin, end - begin);
    begin = end + 1;
    SCLIP_CHECK(!piece.empty(), kInvalidArgument, "policies '", list, "': a name is missing between two commas");
    const bool option = piece.find('=') < piece.find(':');
    if (option && !out.empty()) {
      out.back() += "," + std::string(piece);
    } else {
      out.emplace_back(piece);
    }
  }
  for (const std::string& policy : out) find_policy(policy);
  return out;
}

std::string describe_policies() {
  std::string out;
  for (const PolicyInfo& policy : policies()) {
    out += str(out.empty() ? "" : "\n", policy.name, ": ", policy.summary);
    for (const PolicyOption& option : policy.options) {
      const std::string_view value = option.file ? "FILE" : option.value;
      if (option.name == policy.in_name) {
        out +=
            str("; ", policy.name, "-", value, " or ", policy.name, ":", option.name, "=", value, " ", option.meaning);
      } else {
        out += str("; ", policy.name, ":", option.name, "=", value, " ", option.meaning);
      }
    }
  }
  return out;
}

}  // namespace sclip
