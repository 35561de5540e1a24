#include "engine/text/text_fix.h"

#include "engine/text/html_unescape.h"
#include "engine/text/mojibake.h"
#include "engine/text/unicode.h"
#include "engine/text/windows_1252.h"

namespace sclip {
namespace {

struct Ligature {
  char32_t point;
  std::u32string_view letters;
};
constexpr Ligature kLigatures[] = {
    {0x132, U"IJ"},       {0x133, U"ij"},  {0x149, U"\u02BCn"}, {0x1C4, U"D\u017D"}, {0x1C5, U"D\u017E"},
    {0x1C6, U"d\u017E"},  {0x1C7, U"LJ"},  {0x1C8, U"Lj"},      {0x1C9, U"lj"},      {0x1CA, U"NJ"},
    {0x1CB, U"Nj"},       {0x1CC, U"nj"},  {0x1F1, U"DZ"},      {0x1F2, U"Dz"},      {0x1F3, U"dz"},
    {0xFB00, U"ff"},      {0xFB01, U"fi"}, {0xFB02, U"fl"},     {0xFB03, U"ffi"},    {0xFB04, U"ffl"},
    {0xFB05, U"\u017Ft"}, {0xFB06, U"st"},
};

const Ligature* find_ligature(char32_t c) {
  for (const Ligature& ligature : kLigatures) {
    if (ligature.point == c) return &ligature;
  }
  return nullptr;
}

bool is_control(char32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) ||
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

// ftfy's fixes of single characters, in its order.
void append_fixed(char32_t c, std::u32string& out) {
  if (c < 0x80) {
    out += c;
    return;
  }
  c = windows_1252(c);
  if (const Ligature* ligature = find_ligature(c)) {
    for (const char32_t letter : ligature->letters) out += letter == 0x02BC ? U'\'' : letter;
  } else if (c == 0x3000) {
    out += U' ';
  } else if (c >= 0xFF01 && c <= 0xFFEF) {
    out += compatibility_form(c);
  } else if (c == 0x02BC || (c >= 0x2018 && c <= 0x201B)) {
    out += U'\'';
  } else if (c >= 0x201C && c <= 0x201F) {
    out += U'"';
  } else if (c == 0x2028 || c == 0x2029 || c == 0x85) {
    out += U'\n';
  } else {
    out += c;
  }
}

// CRLF and CR to LF; the other line breaks are single characters and have been fixed.
std::u32string fix_line_breaks(std::u32string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == U'\r' && i + 1 < text.size() && text[i + 1] == U'\n') continue;
    out += text[i] == U'\r' ? U'\n' : text[i];
  }
  return out;
}

// ESC [ digits and semicolons, a letter
std::u32string remove_terminal_escapes(std::u32string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == 0x1B && i + 1 < text.size() && text[i + 1] == U'[') {
      size_t end = i + 2;
      while (end < text.size() && (text[end] == U';' || is_decimal_digit(text[end]))) ++end;
      if (end < text.size() && ((text[end] >= U'a' && text[end] <= U'z') || (text[end] >= U'A' && text[end] <= U'Z'))) {
        i = end + 1;
        continue;
      }
    }
    out += text[i++];
  }
  return out;
}

std::u32string fix_line(std::u32string text, bool unescape) {
  for (;;) {
    const std::u32string before = text;
    if (unescape) text = unescape_html_strictly(text);
    text = repair_mojibake(text);
    std::u32string fixed;
    fixed.reserve(text.size());
    for (const char32_t c : text) append_fixed(c, fixed);
    fixed = remove_terminal_escapes(fix_line_breaks(fixed));
    std::erase_if(fixed, is_control);
    text = to_nfc(fixed);
    if (text == before) return text;
  }
}

}  // namespace

std::u32string fix_text(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  bool unescape = true;
  while (!text.empty()) {
    const size_t newline = text.find(U'\n');
    const size_t end = newline == std::u32string_view::npos ? text.size() : newline + 1;
    const std::u32string_view line = text.substr(0, end);
    text.remove_prefix(end);
    // What has a tag is taken for HTML that someone else will read: from there on its references stay.
    unescape = unescape && line.find(U'<') == std::u32string_view::npos;
    out += fix_line(std::u32string(line), unescape);
  }
  return out;
}

}  // namespace sclip
