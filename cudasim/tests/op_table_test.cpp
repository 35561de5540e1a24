// Every spelling that the opcode table expands to must find a row again, and every operation must have code.
#include <cstdio>
#include <sstream>

#include "ptx/op_table.h"

using namespace cudasim;

// With "--list", prints the supported forms as Markdown instead.
int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--list") {
    std::printf("| Form | Operands | Class |\n|---|---|---|\n");
    for (const OpForm& f : op_forms()) {
      std::string pattern = f.row->pattern;
      for (size_t i = 0; (i = pattern.find('|', i)) != std::string::npos; i += 2) pattern.insert(i, "\\");
      std::printf("| `%s` | `%s` | %s |\n", pattern.c_str(), f.row->operands, op_class_name(f.row->cls));
    }
    return 0;
  }
  size_t count = 0, bad = 0;
  for (const OpForm& f : op_forms()) {
    size_t size = 1;
    for (const ModGroup& g : f.groups) size *= g.words.size() + g.optional;
    if (size > 20000) continue;  // loads and stores: the cache hints multiply
    for (const std::string& text : expand_form(f)) {
      ++count;
      std::istringstream in(text);
      std::string opcode, word;
      std::getline(in, opcode, '.');
      std::vector<std::string> words;
      while (std::getline(in, word, '.')) words.push_back(word);
      std::vector<std::string_view> views(words.begin(), words.end());
      const OpForm* found = match_form(opcode, views);
      if (!found) { std::printf("no row fits %s\n", text.c_str()); ++bad; }
    }
  }
  std::printf("%zu rows, %zu spellings, %zu without a row\n", op_forms().size(), count, bad);
  return bad != 0;
}
