#include "core/utf8.h"

namespace sclip {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

}  // namespace

char32_t decode_utf8(std::string_view text, size_t& pos) {
  const auto lead = static_cast<unsigned char>(text[pos++]);
  if (lead < 0x80) return lead;
  // The range of the second byte excludes overlong forms, surrogates and what lies above U+10FFFF.
  int following = 0;
  unsigned low = 0x80, high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    following = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    following = 2;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    following = 3;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return kReplacement;
  }
  char32_t code_point = lead & (0x3Fu >> following);
  for (; following > 0; --following) {
    if (pos == text.size()) return kReplacement;
    const auto byte = static_cast<unsigned char>(text[pos]);
    if (byte < low || byte > high) return kReplacement;
    code_point = code_point << 6 | (byte & 0x3Fu);
    low = 0x80;
    high = 0xBF;
    ++pos;
  }
  return code_point;
}

std::u32string decode_utf8(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) out += decode_utf8(text, pos);
  return out;
}

void append_utf8(char32_t c, std::string& text) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80u | (c >> shift & 0x3Fu)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0u | c >> 6);
    text += tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0u | c >> 12);
    text += tail(6);
    text += tail(0);
  } else {
    text += static_cast<char>(0xF0u | c >> 18);
    text += tail(12);
    text += tail(6);
    text += tail(0);
  }
}

std::string encode_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) append_utf8(c, out);
  return out;
}

std::string shorten_utf8(std::string_view text, size_t bytes) {
  std::string out;
  for (size_t pos = 0; pos < text.size();) {
    const size_t before = out.size();
    const char32_t c = decode_utf8(text, pos);
    append_utf8(c < 0x20 || c == 0x7F ? U'?' : c, out);
    if (out.size() > bytes) {
      out.resize(before);
      return out += "…";
    }
  }
  return out;
}

std::string shorten_utf8_front(std::string_view text, size_t bytes) {
  const std::string clean = shorten_utf8(text, 4 * text.size());  // an invalid byte becomes three
  size_t first = 0;
  while (clean.size() - first > bytes) decode_utf8(clean, first);
  return first == 0 ? clean : "…" + clean.substr(first);
}

}  // namespace sclip
