// Which ways of segmenting an evaluation compares.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "evaluation/published.h"

namespace sclip {

// A read-out with a refinement, under a protocol.
struct EvalWish {
  std::string policy;
  std::string refine;
  Protocol protocol{};
  bool required = true;  // else what cannot be run is left out, and said
};

// The names between commas.
std::vector<std::string> split_names(std::string_view text);

// Every policy of one list with every refinement of the other. "all" is every policy there is.
std::vector<EvalWish> parse_wishes(const std::string& policies, const std::string& refinements);
// The rows of a table of the paper.
std::vector<EvalWish> table_wishes(int table);

}  // namespace sclip
