#include "engine/text/word_scanner.h"

#include <array>
#include <cstdint>

#include "core/utf8.h"
#include "engine/text/unicode.h"

namespace sclip {
namespace {

constexpr std::array<std::string_view, 7> kContractions = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

enum class Kind : uint8_t { kSpace, kLetter, kNumber, kOther, kNone };

Kind kind_of(char32_t c) {
  if (c < 0x80) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return Kind::kLetter;
    if (c >= '0' && c <= '9') return Kind::kNumber;
    return c == ' ' || (c >= 0x09 && c <= 0x0D) ? Kind::kSpace : Kind::kOther;
  }
  if (is_letter(c)) return Kind::kLetter;
  if (is_number(c)) return Kind::kNumber;
  if (is_space(c)) return Kind::kSpace;
  return c == 0x345 ? Kind::kNone : Kind::kOther;
}

// How many bytes at `pos` spell `word`, which is lower-case ASCII, in any case; 0 if they do not.
size_t match(std::string_view text, size_t pos, std::string_view word) {
  const size_t begin = pos;
  for (const char expected : word) {
    if (pos == text.size()) return 0;
    char32_t c = decode_utf8(text, pos);
    if (c == 0x17F) c = U's';
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    if (c != static_cast<unsigned char>(expected)) return 0;
  }
  return pos - begin;
}

size_t match_fixed(std::string_view text, size_t pos, SpecialTokens special) {
  if (text[pos] == '<') {
    if (const size_t n = match(text, pos, sot_text(special))) return n;
    return match(text, pos, eot_text(special));
  }
  if (text[pos] == '\'') {
    for (const std::string_view contraction : kContractions) {
      if (const size_t n = match(text, pos, contraction)) return n;
    }
  }
  return 0;
}

}  // namespace

std::string_view sot_text(SpecialTokens special) {
  return special == SpecialTokens::kOpenClip ? "<start_of_text>" : "<|startoftext|>";
}

std::string_view eot_text(SpecialTokens special) {
  return special == SpecialTokens::kOpenClip ? "<end_of_text>" : "<|endoftext|>";
}

std::string_view next_word(std::string_view text, size_t& pos, SpecialTokens special) {
  while (pos < text.size()) {
    const size_t begin = pos;
    if (const size_t n = match_fixed(text, pos, special)) {
      pos += n;
      return text.substr(begin, n);
    }
    const Kind kind = kind_of(decode_utf8(text, pos));
    if (kind == Kind::kSpace || kind == Kind::kNone) continue;
    while (kind != Kind::kNumber && pos < text.size()) {
      size_t after = pos;
      if (kind_of(decode_utf8(text, after)) != kind) break;
      pos = after;
    }
    return text.substr(begin, pos - begin);
  }
  return {};
}

}  // namespace sclip
