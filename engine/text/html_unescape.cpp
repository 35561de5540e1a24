#include "engine/text/html_unescape.h"

#include <algorithm>
#include <optional>
#include <span>

#include "engine/text/windows_1252.h"

namespace sclip {
namespace {

struct HtmlEntity {
  std::string_view name;  // with its semicolon where the standard demands one
  char32_t points[3];     // zero-terminated unless all three are used
};
#include "engine/text/tables/html_entities.inc"

constexpr size_t kLongestName = 32;

const HtmlEntity* find_entity(std::span<const HtmlEntity> entities, std::string_view name) {
  const auto found = std::lower_bound(entities.begin(), entities.end(), name,
                                      [](const HtmlEntity& entity, std::string_view key) { return entity.name < key; });
  return found != entities.end() && found->name == name ? &*found : nullptr;
}

void append(const HtmlEntity& entity, std::u32string& out) {
  for (const char32_t c : entity.points) {
    if (c != 0) out += c;
  }
}

bool is_digit(char32_t c) {
  return c >= U'0' && c <= U'9';
}

// The value of a digit in base 10 or 16; -1 for anything else.
int digit_value(char32_t c, bool hex) {
  if (is_digit(c)) return static_cast<int>(c - U'0');
  if (hex && c >= U'a' && c <= U'f') return static_cast<int>(c - U'a') + 10;
  if (hex && c >= U'A' && c <= U'F') return static_cast<int>(c - U'A') + 10;
  return -1;
}

// What a numeric reference stands for; nothing where HTML forbids the code point.
std::optional<char32_t> referenced_code_point(char32_t number) {
  if (number >= 0x80 && number <= 0x9F) return windows_1252(number);
  if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) return U'\uFFFD';
  const bool whitespace = number == 0x09 || number == 0x0A || number == 0x0C || number == 0x0D;
  if ((number < 0x20 && !whitespace) || number == 0x7F) return std::nullopt;
  if ((number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE) return std::nullopt;
  return number;
}

// Reads "#123", "#x1F" with or without a semicolon at `pos`; returns the position behind it, or `pos` if there is none.
size_t read_number(std::u32string_view text, size_t pos, char32_t& number) {
  size_t i = pos + 1;
  const bool hex = i < text.size() && (text[i] == U'x' || text[i] == U'X');
  if (hex) ++i;
  const size_t digits = i;
  number = 0;
  for (; i < text.size() && digit_value(text[i], hex) >= 0; ++i) {
    number = number * (hex ? 16 : 10) + static_cast<char32_t>(digit_value(text[i], hex));
    number = std::min<char32_t>(number, 0x110000);  // saturate: all above are the same error
  }
  if (i == digits) return pos;
  return i < text.size() && text[i] == U';' ? i + 1 : i;
}

// Where a name that begins at `pos` may end at most: [^\t\n\f <&#;]{1,32};?
size_t end_of_name(std::u32string_view text, size_t pos) {
  size_t end = pos;
  while (end < text.size() && end - pos < kLongestName &&
         std::u32string_view(U"\t\n\f <&#;").find(text[end]) == std::u32string_view::npos) {
    ++end;
  }
  return end > pos && end < text.size() && text[end] == U';' ? end + 1 : end;
}

std::string to_ascii(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) out += c < 0x80 ? static_cast<char>(c) : '\x7F';  // in no entity's name
  return out;
}

}  // namespace

std::u32string unescape_html(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = text[pos++];
    if (c != U'&') {
      out += c;
      continue;
    }
    if (pos < text.size() && text[pos] == U'#') {
      char32_t number = 0;
      const size_t end = read_number(text, pos, number);
      if (end == pos) {
        out += c;
      } else if (const auto point = referenced_code_point(number)) {
        out += *point;
      }
      pos = end;
      continue;
    }
    // The longest prefix that is a name wins; what follows it stays.
    const size_t end = end_of_name(text, pos);
    const std::string name = to_ascii(text.substr(pos, end - pos));
    size_t length = name.size();
    while (length > 0 && find_entity(kHtml5Entities, name.substr(0, length)) == nullptr) --length;
    if (length == 0) {
      out += c;
    } else {
      append(*find_entity(kHtml5Entities, name.substr(0, length)), out);
    }
    out += text.substr(pos + length, end - pos - length);
    pos = end;
  }
  return out;
}

std::u32string unescape_html_strictly(std::u32string_view text) {
  constexpr size_t kLongest = 24;  // &#?[0-9A-Za-z]{1,24};
  std::u32string out;
  out.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    const char32_t c = text[pos];
    if (c != U'&') {
      out += c;
      ++pos;
      continue;
    }
    const bool numeric = pos + 1 < text.size() && text[pos + 1] == U'#';
    const size_t begin = pos + (numeric ? 2 : 1);
    size_t end = begin;
    while (
        end < text.size() && end - begin < kLongest &&
        (is_digit(text[end]) || (text[end] >= U'a' && text[end] <= U'z') || (text[end] >= U'A' && text[end] <= U'Z'))) {
      ++end;
    }
    if (end == begin || end == text.size() || text[end] != U';') {
      out += c;
      ++pos;
      continue;
    }
    const std::u32string_view reference = text.substr(pos, end + 1 - pos);
    pos = end + 1;
    if (numeric) {
      // A number with a tail that is no digit is left alone, and so is the reference to a semicolon.
      const std::u32string unescaped = unescape_html(reference);
      out += unescaped.find(U';') == std::u32string::npos ? std::u32string_view(unescaped) : reference;
      continue;
    }
    const std::string name = to_ascii(reference.substr(1));
    const HtmlEntity* entity = find_entity(kHtml5Entities, name);
    if (entity == nullptr) entity = find_entity(kCapitalEntities, name);
    if (entity == nullptr) {
      out += reference;
    } else {
      append(*entity, out);
    }
  }
  return out;
}

}  // namespace sclip
