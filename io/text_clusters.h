// A text as its characters are counted by people: each with its marks, joiners and variation selectors.
#pragma once

#include <string_view>
#include <vector>

#include "core/utf8.h"

namespace sclip {

using Cluster = std::u32string;

// At most kMostClusterText code points of the text, whatever its length; `cut` tells whether there were more. Control
// characters become blanks.
inline constexpr size_t kMostClusterText = 256;
std::vector<Cluster> text_clusters(std::string_view text, bool& cut);

// What has no picture of its own and needs no glyph: joiners, directions, variation selectors.
bool is_ignorable(char32_t character);
// What needs a glyph that may be empty.
bool is_blank(char32_t character);

}  // namespace sclip
