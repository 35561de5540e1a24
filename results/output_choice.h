// Which outputs a run shall leave, and under which names.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "results/output_kinds.h"

namespace sclip {

struct ChosenOutput {
  const OutputKind* kind;
  std::filesystem::path file;  // instead of the photo's own name; empty: that

  std::filesystem::path path(const OutputPlace& place) const { return file.empty() ? place.file(kind->suffix) : file; }
};
using OutputChoice = std::vector<ChosenOutput>;

inline constexpr std::string_view kDefaultOutputs = "mask,overlay,json";

// "mask,logits=FILE": kinds by name, each at most once, with a file name if wished. In the table's order.
// Throws kInvalidArgument.
OutputChoice parse_outputs(std::string_view text);
// The same text for the same choice.
std::vector<std::string> to_strings(const OutputChoice& choice);
bool contains(const OutputChoice& choice, std::string_view name);

}  // namespace sclip
