// JSON of files that may lie: no key twice in an object, no nesting beyond what the format has.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace sclip {

// Throws kCorruptData, `where` first, for a key that occurs twice or nesting beyond `max_depth`; nlohmann's exceptions
// for what is not JSON.
nlohmann::json parse_guarded_json(std::string_view text, size_t max_depth, const std::string& where);

}  // namespace sclip
