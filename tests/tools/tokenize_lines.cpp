// tokenize_lines MERGES [ids|clean|words] < LINES: for tests that compare with other tokenizers.
//
// Each line of the input is a JSON string; each line of the output is a JSON array: its token ids, its cleaned text or
// its words.
#include <exception>
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "core/file.h"
#include "engine/text/text_clean.h"
#include "engine/text/tokenizer.h"
#include "engine/text/word_scanner.h"

namespace {

nlohmann::json words_of(const std::string& cleaned) {
  nlohmann::json words = nlohmann::json::array();
  size_t pos = 0;
  for (;;) {
    const std::string_view word = sclip::next_word(cleaned, pos, sclip::SpecialTokens::kOpenClip);
    if (word.empty()) return words;
    words.push_back(word);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: tokenize_lines MERGES [ids|clean|words] < LINES\n";
    return 2;
  }
  const std::string mode = argc == 3 ? argv[2] : "ids";
  try {
    const sclip::Tokenizer tokenizer(sclip::read_text_file(argv[1]));
    std::string line;
    while (std::getline(std::cin, line)) {
      const auto text = nlohmann::json::parse(line).get<std::string>();
      if (mode == "ids") {
        std::cout << nlohmann::json(tokenizer.encode(text)) << '\n';
      } else if (mode == "clean") {
        std::cout << nlohmann::json({sclip::clean_text(text)}) << '\n';
      } else {
        std::cout << words_of(sclip::clean_text(text)) << '\n';
      }
    }
  } catch (const std::exception& error) {
    std::cerr << "tokenize_lines: " << error.what() << '\n';
    return 2;
  }
  return 0;
}
