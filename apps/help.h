// What --help looks like, and what it says of options beside their description: group, kind of value, default.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class FormatterBase;
}  // namespace CLI

namespace sclip {

// What a value may be, for people and for a shell that completes it.
enum class ValueKind { kAny, kFile, kFolder, kOneOf, kSomeOf };  // kSomeOf: joined by ','

struct OptionFacts {
  std::string_view name;   // "--classes", or a positional's
  std::string_view group;  // heading
  std::string_view value;  // "NAMES"; empty for a flag
  std::string_view unset;  // what holds where the option is not given; empty: the option tells itself, or is required
  ValueKind kind = ValueKind::kAny;
  std::vector<std::string> (*choices)() = nullptr;  // of kOneOf and kSomeOf, and beside files
};

std::span<const OptionFacts> option_facts();
const OptionFacts* find_option_facts(std::string_view name);  // null for one that is not in the table

// Groups and names for the options of a subcommand that are there now, and the formatter.
void document(CLI::App& subcommand);
std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace sclip
