// Every spelling that the opcode table expands to must find a row again, and every operation must have code.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

#include "ptx/op_table.h"

using namespace cudasim;

// The table as the text of docs/opcodes.md.
static std::string opcodes_markdown() {
  std::string out =
      "# Supported PTX instructions\n\n"
      "Generated from `ptx/op_table.cpp` by `cudasim_op_table_test --list > docs/opcodes.md`; do not edit.\n\n"
      "`[.x|.y]` is optional, `(.x|.y)` is one of them, `.x` is required. Anything else is refused by name, with its "
      "line and kernel.\n\n"
      "Operands: `d` destination, `a` source, both of the first type; `x` source of the second type; `w`/`W` "
      "destination or source of\n"
      "double width; `D`/`S`/`Y` like `d`/`a`/`x`, in registers that may be wider, `D` and `S` also vectors; `O` "
      "register or vector of mov;\n"
      "`u` 32-bit source, `A` an address in a register, `i` immediate, `p`/`q` predicate destination or source, `p32` "
      "32-bit destination,\n"
      "`m` memory, `l` label, `r` list of registers; `?` may be absent, and so may what follows `|`.\n\n"
      "| Form | Operands | Class |\n|---|---|---|\n";
  for (const OpForm& f : op_forms()) {
    auto escaped = [](std::string text) {
      for (size_t i = 0; (i = text.find('|', i)) != std::string::npos; i += 2) text.insert(i, "\\");
      return text;
    };
    out += "| `" + escaped(f.row->pattern) + "` | `" + escaped(f.row->operands) + "` | " + op_class_name(f.row->cls) +
           " |\n";
  }
  return out;
}

// "--list" prints that text, "--docs FILE" fails when the file is not up to date.
int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--list") {
    std::fputs(opcodes_markdown().c_str(), stdout);
    return 0;
  }
  if (argc > 2 && std::string(argv[1]) == "--docs") {
    std::ifstream file(argv[2]);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text == opcodes_markdown()) return 0;
    std::printf("%s does not match the opcode table; write it anew with: cudasim_op_table_test --list > %s\n", argv[2],
                argv[2]);
    return 1;
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
      if (!found) {
        std::printf("no row fits %s\n", text.c_str());
        ++bad;
      }
    }
  }
  std::printf("%zu rows, %zu spellings, %zu without a row\n", op_forms().size(), count, bad);
  return bad != 0;
}
