// Policies: the ways in which patches are read out, by name. `SegmentOptions::policy` takes `naclip`, or with an option
// `naclip:sigma=3`.
#pragma once

#include <string>

namespace sclip {

// A line for each policy and each of its options, for a command's help.
std::string describe_policies();

}  // namespace sclip
