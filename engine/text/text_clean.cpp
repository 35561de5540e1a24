#include "engine/text/text_clean.h"

#include <algorithm>

#include "core/utf8.h"
#include "engine/text/html_unescape.h"
#include "engine/text/text_fix.h"
#include "engine/text/unicode.h"

namespace sclip {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3;
constexpr char32_t kSmallSigma = 0x3C3;
constexpr char32_t kFinalSigma = 0x3C2;

// Text that only lower case and whitespace can change: most class names and templates.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= ' ' && c <= '~' && c != '&') || c == '\t' || c == '\n' || c == '\r' || c == '\f';
  });
}

std::string clean_plain(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool gap = false;
  for (const char c : text) {
    if (c <= ' ') {
      gap = !out.empty();
      continue;
    }
    if (gap) out += ' ';
    gap = false;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  return out;
}

// Unicode's Final_Sigma: after a cased letter and not before one, case-ignorable characters aside.
bool is_final_sigma(std::u32string_view text, size_t at) {
  size_t i = at;
  while (i > 0 && is_case_ignorable(text[i - 1])) --i;
  if (i == 0 || !is_cased(text[i - 1])) return false;
  i = at + 1;
  while (i < text.size() && is_case_ignorable(text[i])) ++i;
  return i == text.size() || !is_cased(text[i]);
}

}  // namespace

std::u32string collapse_whitespace(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  bool gap = false;
  for (const char32_t c : text) {
    if (is_space(c)) {
      gap = !out.empty();
      continue;
    }
    if (gap) out += U' ';
    gap = false;
    out += c;
  }
  return out;
}

std::u32string to_lower(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == 0x130) {
      out += U"i\u0307";
    } else if (text[i] == kCapitalSigma) {
      out += is_final_sigma(text, i) ? kFinalSigma : kSmallSigma;
    } else {
      out += simple_lower(text[i]);
    }
  }
  return out;
}

std::string clean_text(std::string_view utf8) {
  if (is_plain(utf8)) return clean_plain(utf8);
  std::u32string text = fix_text(decode_utf8(utf8));
  text = unescape_html(unescape_html(text));
  return encode_utf8(to_lower(collapse_whitespace(text)));
}

}  // namespace sclip
