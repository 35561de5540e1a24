#include "engine/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/utf8.h"
#include "engine/text/character_patterns.h"
#include "sclip/error.h"

namespace sclip {
namespace {

#include "engine/text/tables/casing.inc"
#include "engine/text/tables/letters_and_numbers.inc"

}  // namespace

bool is_letter(char32_t c) {
  return contains(kLetters, c);
}

bool is_number(char32_t c) {
  return contains(kNumbers, c);
}

bool is_decimal_digit(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_cased(char32_t c) {
  return contains(kCased, c);
}

bool is_case_ignorable(char32_t c) {
  return contains(kCaseIgnorable, c);
}

char32_t simple_lower(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

std::u32string to_nfc(std::u32string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x300; })) return std::u32string(text);
  const std::string utf8 = encode_utf8(text);
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(utf8.data());
  const auto size = static_cast<utf8proc_ssize_t>(utf8.size());
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const utf8proc_ssize_t length = utf8proc_decompose(bytes, size, nullptr, 0, options);
  SCLIP_CHECK(length >= 0, kInternal, "utf8proc cannot normalise a text of ", utf8.size(),
              " bytes: ", utf8proc_errmsg(length));
  std::vector<utf8proc_int32_t> points(static_cast<size_t>(length) + 1);
  utf8proc_decompose(bytes, size, points.data(), length, options);
  const utf8proc_ssize_t composed = utf8proc_normalize_utf32(points.data(), length, options);
  return {points.begin(), points.begin() + composed};
}

std::u32string compatibility_form(char32_t c) {
  std::array<utf8proc_int32_t, 32> points;  // the longest decomposition of Unicode has 18
  int boundary = 0;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  const utf8proc_ssize_t length =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), points.data(), std::ssize(points), options, &boundary);
  SCLIP_CHECK(length >= 0 && length <= std::ssize(points), kInternal, "utf8proc cannot decompose a code point");
  return {points.begin(), points.begin() + length};
}

}  // namespace sclip
