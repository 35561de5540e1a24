// Text files that people write, as UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace sclip {

// The text of a file without its byte order mark: UTF-8 with or without one, or UTF-16 of either order with one.
// Anything else (Latin-1, UTF-16 without a mark, a NUL) is kInvalidArgument, naming `source`, the line and the byte.
std::string decode_text_file(std::string_view bytes, std::string_view source);

// Refuses what is not UTF-8 and NUL, likewise.
void check_utf8(std::string_view text, std::string_view source);

}  // namespace sclip
