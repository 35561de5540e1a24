// Looking a name up in a table, and what to say when it is not there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sclip/error.h"

namespace sclip {

// The one of `known` that `name` was probably meant to be; empty when none is near. Upper and lower case are one.
std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& known);

// "did you mean 'voc21'? use one of voc20, voc21", without the question when nothing is near.
std::string name_advice(std::string_view name, const std::vector<std::string_view>& known);

// The entry of `table` that is called so. Otherwise throws a sentence that begins with `what` and the name.
template <typename Table>
const auto& find_named(const Table& table, std::string_view name, std::string_view what,
                       ErrorCode code = ErrorCode::kInvalidArgument) {
  std::vector<std::string_view> known;
  for (const auto& entry : table) {
    if (entry.name == name) return entry;
    known.push_back(entry.name);
  }
  fail(code, what, " '", name, "': ", name_advice(name, known));
}

}  // namespace sclip
