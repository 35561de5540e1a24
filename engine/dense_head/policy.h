// Policies: the dense heads by name. A user writes `naclip`, or with options `naclip:sigma=3`; it is resolved once,
// into a value.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/dense_head/dense_head.h"
#include "sclip/policies.h"

namespace sclip {

// A number from min to max, or, where max is not above min, any text without a comma.
struct PolicyOption {
  std::string_view name;
  std::string_view value;  // unless the user says otherwise
  double min = 0, max = 0;
  std::string_view meaning;
  double step = 0;    // numbers lie whole steps above min; 0: any
  bool file = false;  // the text names a file; what it holds identifies a run too
};

class Policy;
using MakeDenseHead = std::function<std::shared_ptr<const DenseHead>(const Policy&, const HeadInputs&)>;

// A row of the table of policies.
struct PolicyInfo {
  std::string_view name;
  std::string_view summary;
  std::vector<PolicyOption> options;
  MakeDenseHead make;
  std::string_view reads{};      // what of the tower it looks at, a few words
  double cost = 1;               // time of a photo against `sclip`'s: benchmarks/read_outs.py, ViT-B/16 on a CPU
  std::string_view published{};  // mIoU, the mean of the eight data sets of the paper; empty: none
  std::string_view source{};     // where it was published
  std::string_view in_name{};    // an option whose value may follow the name: `local-5` is `local:n=5`
};

class Policy {
 public:
  std::string_view name() const { return info_->name; }
  // As a user would write it; options that have their usual value are left out. Equal for equal policies.
  std::string spelling() const;
  double number(std::string_view option) const;
  std::string_view text(std::string_view option) const;
  // The files that options name, and their content hashes, joined. Throws kNotFound for one that is not there.
  std::vector<std::string> files() const;
  std::string file_hashes() const;
  // Throws kInvalidArgument where the policy cannot work with these inputs.
  std::shared_ptr<const DenseHead> make_head(const HeadInputs& inputs) const { return info_->make(*this, inputs); }

 private:
  friend Policy parse_policy(std::string_view, std::span<const PolicyInfo>, std::span<const std::string>);
  const PolicyOption& option(std::string_view name) const;
  void set(std::string_view item);  // OPTION=VALUE
  const PolicyInfo* info_ = nullptr;
  std::vector<std::string> values_;  // of info_->options
};

std::span<const PolicyInfo> policies();
// `more` are further options, OPTION=VALUE each, which go before those of the spelling.
// Throws kInvalidArgument naming the policies there are, the options of this one, or the range of a number.
Policy find_policy(std::string_view spelling, std::span<const std::string> more = {});
// The same in another table, which outlives the policy.
Policy parse_policy(std::string_view spelling, std::span<const PolicyInfo> table,
                    std::span<const std::string> more = {});

}  // namespace sclip
