#include "ptx/lexer.h"

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <string>

#include "ptx/types.h"

namespace cudasim {

static bool ident_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%';
}
static bool ident_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}

static const char* lex_number(const char* p, const char* end, Token* t) {
  if (p[0] == '0' && end - p >= 10 && (p[1] == 'f' || p[1] == 'F')) {
    t->kind = Tok::kF32;
    t->value = std::strtoull(std::string(p + 2, 8).c_str(), nullptr, 16);
    return p + 10;
  }
  if (p[0] == '0' && end - p >= 18 && (p[1] == 'd' || p[1] == 'D')) {
    t->kind = Tok::kF64;
    t->value = std::strtoull(std::string(p + 2, 16).c_str(), nullptr, 16);
    return p + 18;
  }
  const char* q = p;
  bool real = false;
  if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
    q += 2;
    while (q < end && std::isxdigit(static_cast<unsigned char>(*q))) ++q;
  } else {
    while (q < end && std::isalnum(static_cast<unsigned char>(*q)) && *q != 'U') ++q;
    if (q + 1 < end && *q == '.' && std::isdigit(static_cast<unsigned char>(q[1]))) {
      real = true;
      ++q;
      while (q < end && (std::isalnum(static_cast<unsigned char>(*q)) || ((*q == '-' || *q == '+') && (q[-1] == 'e'))))
        ++q;
    }
  }
  const std::string word(p, q);
  t->text = std::string_view(p, size_t(q - p));
  if (real) {
    t->kind = Tok::kF64;
    const double d = std::strtod(word.c_str(), nullptr);
    std::memcpy(&t->value, &d, 8);
  } else {
    t->kind = Tok::kInt;
    const bool binary = word.size() > 2 && word[0] == '0' && (word[1] == 'b' || word[1] == 'B');
    t->value = binary ? std::strtoull(word.c_str() + 2, nullptr, 2) : std::strtoull(word.c_str(), nullptr, 0);
  }
  if (q < end && *q == 'U') ++q;
  return q;
}

std::vector<Token> lex_ptx(std::string_view text) {
  std::vector<Token> out;
  out.reserve(text.size() / 4);
  const char* p = text.data();
  const char* end = p + text.size();
  uint32_t line = 1;
  while (p < end) {
    const char c = *p;
    if (c == '\0') break;
    if (c == '\n') {
      ++line;
      ++p;
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\r') {
      ++p;
      continue;
    }
    if (c == '/' && p + 1 < end && p[1] == '/') {
      while (p < end && *p != '\n') ++p;
      continue;
    }
    if (c == '/' && p + 1 < end && p[1] == '*') {
      for (p += 2; p + 1 < end && !(p[0] == '*' && p[1] == '/'); ++p)
        if (*p == '\n') ++line;
      p += 2;
      continue;
    }
    Token t;
    t.line = line;
    if (ident_start(c)) {
      const char* q = p + 1;
      while (q < end && (ident_char(*q) || (*q == ':' && q + 2 < end && q[1] == ':' && ident_char(q[2]) && (q += 1))))
        ++q;
      t.kind = Tok::kIdent;
      t.text = std::string_view(p, size_t(q - p));
      p = q;
    } else if (std::isdigit(static_cast<unsigned char>(c))) {
      p = lex_number(p, end, &t);
    } else if (c == '"') {
      const char* q = p + 1;
      while (q < end && *q != '"') ++q;
      t.kind = Tok::kString;
      t.text = std::string_view(p + 1, size_t(q - p - 1));
      p = q + 1;
    } else {
      t.kind = Tok::kPunct;
      t.punct = c;
      ++p;
    }
    out.push_back(t);
  }
  Token t;
  t.line = line;
  out.push_back(t);
  return out;
}

}  // namespace cudasim
