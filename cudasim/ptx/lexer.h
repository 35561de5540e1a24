// Turns PTX text into tokens. Comments are dropped; every token knows its line.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace cudasim {

enum class Tok : uint8_t { kIdent, kInt, kF32, kF64, kString, kPunct, kEnd };

struct Token {
  Tok kind = Tok::kEnd;
  char punct = 0;         // for kPunct
  std::string_view text;  // for kIdent and kString
  uint64_t value = 0;     // integer value or IEEE bits
  uint32_t line = 0;
};

std::vector<Token> lex_ptx(std::string_view text);

}  // namespace cudasim
