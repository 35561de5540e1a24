// Base64 (RFC 4648), as JSON carries bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sclip {

std::string encode_base64(std::span<const std::byte> bytes);
// None for text that is not Base64. Line ends do not count; the padding may be missing.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace sclip
