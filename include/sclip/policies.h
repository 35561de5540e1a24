// Policies: the ways in which patches are read out, by name. `SegmentOptions::policy` takes `naclip`, or with an option
// `naclip:sigma=3`.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

// What the table of policies says of one. Views of static memory.
struct PolicyFacts {
  struct Option {
    std::string_view name;
    std::string_view value;  // unless the user says otherwise
    std::string_view meaning;
    std::string range;  // "a number from 0.01 to 1000"
  };
  std::string_view name;
  std::string_view summary;
  std::string_view reads;      // what of the tower it looks at
  double cost = 1;             // time of a photo against that of `sclip`, ViT-B/16 on a CPU
  std::string_view published;  // mIoU, the mean of the paper's eight data sets; empty: none was published
  std::string_view source;     // where it was published
  std::string_view in_name;    // an option whose value may follow the name: `local-5`
  std::vector<Option> options;
};

std::vector<PolicyFacts> list_policies();

// The files that a policy's options name; `more` are further options, OPTION=VALUE each. Throws kInvalidArgument.
std::vector<std::string> files_of_policy(std::string_view spelling, std::span<const std::string> more = {});

// A line for each policy and each of its options, for a command's help.
std::string describe_policies();

// "clip,naclip:sigma=3" → its policies. A piece NAME=VALUE is a further option of the policy before it. Throws
// kInvalidArgument for an empty piece, and what looking up a policy throws.
std::vector<std::string> split_policies(std::string_view list);

}  // namespace sclip
