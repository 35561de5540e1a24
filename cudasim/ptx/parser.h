// Token access and variable declarations shared by the module parser and the function decoder.
#pragma once
#include <string>
#include <vector>

#include "ptx/lexer.h"
#include "ptx/module.h"

namespace cudasim {

std::string token_text(const Token& t);

struct TokenStream {
  const std::vector<Token>* tokens;
  size_t pos, end;
  std::string where;  // function name for errors

  const Token& peek(size_t ahead = 0) const { return pos + ahead < end ? (*tokens)[pos + ahead] : tokens->back(); }
  const Token& next() { return pos < end ? (*tokens)[pos++] : tokens->back(); }
  bool is(char c, size_t ahead = 0) const { return peek(ahead).kind == Tok::kPunct && peek(ahead).punct == c; }
  bool accept(char c) { return is(c) ? (++pos, true) : false; }
  const Token& expect(char c, const char* context);
  std::string ident(const char* what);
  uint64_t integer(const char* what);
};

struct VarDecl {
  std::string name;
  Type type = Type::kNone;
  uint32_t elem = 0, align = 0;
  uint64_t size = 0;
  bool unsized = false;
};
VarDecl parse_var(TokenStream& ts);

}  // namespace cudasim
