#include "apps/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "core/utf8.h"

namespace sclip {
namespace {

constexpr size_t kColumns = 100;  // of a line
constexpr size_t kIndent = 28;    // of a description

constexpr std::string_view kExitCodes =
    "Exit codes:\n"
    "  0    done\n"
    "  2    an error, told in one line; or, of many photos, at least one failed\n"
    "  130  interrupted: finished photos stay, --resume goes on with the rest\n";

size_t columns(std::string_view text) {
  return decode_utf8(text).size();
}

// Words of a paragraph, broken into lines that begin at `indent`; the first line begins at `at`.
std::string wrapped(std::string_view paragraph, size_t at, size_t indent) {
  std::string out;
  size_t column = at;
  for (size_t begin = 0; begin < paragraph.size();) {
    const size_t end = std::min(paragraph.find(' ', begin), paragraph.size());
    const std::string_view word = paragraph.substr(begin, end - begin);
    begin = end + 1;
    if (column > indent && column + 1 + columns(word) > kColumns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += columns(word);
  }
  return out;
}

// What is not to be broken, where it is short.
constexpr char kJoint = '\x1f';

std::string together(std::string text) {
  if (columns(text) <= 40) std::replace(text.begin(), text.end(), ' ', kJoint);
  return text;
}

std::string entry(const std::string& head, std::string_view description) {
  std::string out = "  " + head;
  if (columns(out) + 2 > kIndent) {
    out += "\n" + std::string(kIndent, ' ');
  } else {
    out.resize(out.size() + kIndent - columns(out), ' ');
  }
  for (size_t begin = 0; begin <= description.size();) {
    const size_t end = std::min(description.find('\n', begin), description.size());
    if (begin > 0) out += "\n" + std::string(kIndent + 2, ' ');
    out += wrapped(description.substr(begin, end - begin), begin > 0 ? kIndent + 2 : kIndent,
                   begin > 0 ? kIndent + 4 : kIndent);
    begin = end + 1;
  }
  std::replace(out.begin(), out.end(), kJoint, ' ');
  return out + "\n";
}

// "INT:INT in [1 - 8192]" → "1 to 8192", empty where there is no such check.
std::string range_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t open = type.find('['), close = type.rfind(']'), middle = type.find(" - ");
  if (type.find("NONNEGATIVE") != std::string::npos) return "0 or more";
  if (open == std::string::npos || close == std::string::npos || middle == std::string::npos) return {};
  std::string high = type.substr(middle + 3, close - middle - 3);
  if (high == "1e+06") high = "1000000";
  return type.substr(open + 1, middle - open - 1) + " to " + high;
}

std::string name_of(const CLI::Option& option) {
  return option.nonpositional() ? "--" + option.get_lnames().front() : option.get_name();
}

class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string /*name*/, CLI::AppFormatMode /*mode*/) const override {
    std::string out = app->get_description() + "\n\n" + usage(*app);
    if (const auto subcommands = app->get_subcommands({}); !subcommands.empty()) {
      out += "\nCommands:\n";
      for (const CLI::App* subcommand : subcommands)
        out += entry(subcommand->get_name(), subcommand->get_description());
    }
    // In the order of the table, then what it does not name.
    std::vector<std::string> groups;
    const auto add = [&groups](const std::string& group) {
      if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
    };
    for (const OptionFacts& facts : option_facts()) add(std::string(facts.group));
    for (const CLI::Option* option : app->get_options()) add(option->get_group());
    for (const std::string& group : groups) {
      std::string entries;
      for (const CLI::Option* option : app->get_options()) {
        if (option->get_group() == group) entries += describe(*option);
      }
      if (!entries.empty()) out += "\n" + group + ":\n" + entries;
    }
    if (!app->get_footer().empty()) out += "\n" + app->get_footer();
    return out + "\n" + std::string(kExitCodes);
  }

 private:
  static std::string usage(const CLI::App& app) {
    if (app.get_parent() == nullptr) return "Usage: sclip COMMAND [options]      (sclip COMMAND --help tells them)\n";
    std::string out = "Usage: sclip " + app.get_name() + " [options]";
    for (const CLI::Option* option : app.get_options()) {
      if (option->nonpositional()) continue;
      const std::string value = value_of(*option) + (option->get_items_expected_max() > 1 ? " ..." : "");
      out += option->get_required() ? " " + value : " [" + value + "]";
    }
    return out + "\n";
  }

  static std::string value_of(const CLI::Option& option) {
    // A subcommand's own word goes before the table's; CLI11 has three that say nothing.
    const std::string type = option.get_type_name().substr(0, option.get_type_name().find(':'));
    const OptionFacts* facts = find_option_facts(name_of(option));
    const bool own = type != "TEXT" && type != "INT" && type != "FLOAT";
    return own || facts == nullptr || facts->value.empty() ? type : std::string(facts->value);
  }

  static std::string describe(const CLI::Option& option) {
    const OptionFacts* facts = find_option_facts(name_of(option));
    std::string head;
    if (!option.nonpositional()) {
      head = value_of(option);
    } else {
      for (const std::string& letter : option.get_snames()) head += "-" + letter + ", ";
      head += "--" + option.get_lnames().front();
      if (option.get_expected_max() > 0) head += " " + value_of(option);
    }
    std::string first = option.get_description(), rest;
    if (const size_t end = first.find('\n'); end != std::string::npos) {
      rest = first.substr(end);
      first.resize(end);
    }
    if (const std::string range = range_of(option); !range.empty()) first += " (" + range + ")";
    std::string unset = option.get_default_str();
    if (unset.empty() && facts != nullptr) unset = facts->unset;
    if (!unset.empty()) first += " " + together("[default: " + unset + "]");
    if (option.get_required() && option.nonpositional()) first += " [required]";
    return entry(head, first + rest);
  }
};

}  // namespace

void document(CLI::App& subcommand) {
  for (CLI::Option* option : subcommand.get_options()) {
    if (const OptionFacts* facts = find_option_facts(name_of(*option))) option->group(std::string(facts->group));
  }
}

std::shared_ptr<CLI::FormatterBase> help_formatter() {
  return std::make_shared<HelpFormatter>();
}

}  // namespace sclip
