// An opcode with its modifiers, taken apart, and the record of what the tests have covered.
#pragma once
#include <string>
#include <vector>

#include "ptx/op_table.h"

namespace conformance {

using cudasim::Op;
using cudasim::OpForm;
using cudasim::Type;

struct Spelling {
  std::string text, opcode;
  std::vector<std::string> words;
  std::vector<Type> types;  // the words that are types, in order
  const OpForm* form = nullptr;
  bool has(const char* word) const;
  Type type(size_t i) const { return i < types.size() ? types[i] : Type::kNone; }
};

Spelling parse_spelling(const std::string& text);

// Spellings of a form in which every word of every group occurs: all of them when there are at most `limit`.
std::vector<std::string> spellings_of(const OpForm& form, size_t limit);

// Says that `text` has been run and compared with its expectation.
void cover(const std::string& text);
size_t covered_spellings();
// Prints every row, and every word of a row, that no test has covered; returns how many there are.
size_t report_uncovered();

}  // namespace conformance
