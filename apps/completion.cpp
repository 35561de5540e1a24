// sclip completion: what makes a shell complete the command's options and the names that are built in.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/console.h"
#include "apps/help.h"
#include "apps/subcommands.h"
#include "sclip/error.h"

namespace sclip {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view with = " ") {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : std::string(with)) + word;
  return out;
}

// The spellings of an option: "--out", "-o".
std::vector<std::string> spellings(const CLI::Option& option) {
  std::vector<std::string> out;
  for (const std::string& name : option.get_lnames()) out.push_back("--" + name);
  for (const std::string& name : option.get_snames()) out.push_back("-" + name);
  return out;
}

const OptionFacts* facts_of(const CLI::Option& option) {
  return find_option_facts(option.nonpositional() ? "--" + option.get_lnames().front() : option.get_name());
}

std::vector<std::string> choices(const OptionFacts* facts) {
  return facts == nullptr || facts->choices == nullptr ? std::vector<std::string>() : facts->choices();
}

// In single quotes for every one of the shells.
std::string quoted(std::string text, bool fish) {
  std::string out;
  for (const char c : text.substr(0, text.find('\n'))) {
    if (c == '\'') {
      out += fish ? "\\'" : "'\\''";
    } else if (c == '\\' && fish) {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return "'" + out + "'";
}

constexpr std::string_view kBashHead = R"sh(# bash completion of sclip: eval "$(sclip completion bash)"
_sclip() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= options= names= kind= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then command=${COMP_WORDS[i]}; break; fi
  done
  case $command in
)sh";

constexpr std::string_view kBashTail = R"sh(    *) return ;;
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
    return
  fi
  case $kind in
    one) COMPREPLY=($(compgen -W "$names" -- "$word")) ;;
    some)
      local head=
      [[ $word == *,* ]] && head=${word%,*},
      COMPREPLY=($(compgen -P "$head" -W "$names" -- "${word##*,}"))
      compopt -o nospace 2>/dev/null ;;
    file)
      compopt -o filenames 2>/dev/null
      local IFS=$'\n'
      COMPREPLY=($(compgen -f -- "$word"))
      COMPREPLY+=($(IFS=' '; compgen -W "$names" -- "$word")) ;;
    folder)
      compopt -o filenames 2>/dev/null
      local IFS=$'\n'
      COMPREPLY=($(compgen -d -- "$word")) ;;
  esac
}
complete -F _sclip sclip
)sh";

std::string for_bash(const CLI::App& app) {
  std::string commands;
  for (const CLI::App* subcommand : app.get_subcommands({})) commands += subcommand->get_name() + " ";
  std::string out(kBashHead);
  out += "    '') COMPREPLY=($(compgen -W '" + commands + "--help --version' -- \"$word\")); return ;;\n";
  for (const CLI::App* subcommand : app.get_subcommands({})) {
    std::string options, values, positional = "kind=none";
    for (const CLI::Option* option : subcommand->get_options()) {
      const OptionFacts* facts = facts_of(*option);
      const ValueKind kind = facts == nullptr ? ValueKind::kAny : facts->kind;
      static constexpr std::string_view kKinds[] = {"any", "file", "folder", "one", "some"};
      const std::string what =
          "kind=" + std::string(kKinds[static_cast<size_t>(kind)]) + " names='" + joined(choices(facts)) + "'";
      if (!option->nonpositional()) {
        positional = what;
        continue;
      }
      options += joined(spellings(*option)) + " ";
      if (option->get_expected_max() > 0) {
        values += "        " + joined(spellings(*option), "|") + ") " + what + " ;;\n";
      }
    }
    out += "    " + subcommand->get_name() + ")\n      options='" + options + "'\n      case $before in\n" + values +
           "        *) " + positional + " ;;\n      esac ;;\n";
  }
  return out + std::string(kBashTail);
}

std::string for_zsh(const CLI::App& app) {
  // A description in brackets, without what would end it.
  const auto plain = [](std::string text) {
    std::string out;
    for (const char c : text.substr(0, text.find('\n'))) {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  };
  std::string out =
      "#compdef sclip\n# zsh completion of sclip: a file _sclip in one of the folders of $fpath\n_sclip() {\n"
      "  local -a commands\n  commands=(\n";
  for (const CLI::App* subcommand : app.get_subcommands({})) {
    out += "    " + quoted(subcommand->get_name() + ":" + subcommand->get_description(), false) + "\n";
  }
  out +=
      "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n"
      "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const CLI::App* subcommand : app.get_subcommands({})) {
    out += "    " + subcommand->get_name() + ")\n      _arguments";
    for (const CLI::Option* option : subcommand->get_options()) {
      const OptionFacts* facts = facts_of(*option);
      const std::string names = joined(choices(facts));
      std::string action = " ";
      if (facts != nullptr) {
        if (facts->kind == ValueKind::kFile) action = names.empty() ? "_files" : "{ _files; compadd " + names + " }";
        if (facts->kind == ValueKind::kFolder) action = "_files -/";
        if (facts->kind == ValueKind::kOneOf) action = "(" + names + ")";
        if (facts->kind == ValueKind::kSomeOf) action = "_sequence compadd - " + names;
      }
      const std::string value = facts == nullptr || facts->value.empty() ? "value" : std::string(facts->value);
      if (!option->nonpositional()) {
        out += " \\\n        " + quoted("*:" + value + ":" + action, false);
        continue;
      }
      for (const std::string& spelling : spellings(*option)) {
        out += " \\\n        " + quoted("*" + spelling + "[" + plain(option->get_description()) + "]" +
                                            (option->get_expected_max() > 0 ? ":" + value + ":" + action : ""),
                                        false);
      }
    }
    out += " ;;\n";
  }
  return out + "  esac\n}\nif [ \"$funcstack[1]\" = _sclip ]; then _sclip \"$@\"; else compdef _sclip sclip; fi\n";
}

std::string for_fish(const CLI::App& app) {
  std::string out = "# fish completion of sclip: sclip completion fish | source\ncomplete -c sclip -f\n";
  for (const CLI::App* subcommand : app.get_subcommands({})) {
    const std::string name = subcommand->get_name();
    out += "complete -c sclip -n __fish_use_subcommand -a " + name + " -d " +
           quoted(subcommand->get_description(), true) + "\n";
    const std::string here = "complete -c sclip -n '__fish_seen_subcommand_from " + name + "'";
    for (const CLI::Option* option : subcommand->get_options()) {
      const OptionFacts* facts = facts_of(*option);
      const std::string names = joined(choices(facts));
      std::string line = here;
      for (const std::string& letter : option->get_snames()) line += " -s " + letter;
      for (const std::string& word : option->get_lnames()) line += " -l " + word;
      const bool takes_value = !option->nonpositional() || option->get_expected_max() > 0;
      if (option->nonpositional()) line += takes_value ? " -r" : "";
      if (facts != nullptr && (facts->kind == ValueKind::kFile || facts->kind == ValueKind::kFolder)) line += " -F";
      if (facts != nullptr && facts->kind == ValueKind::kSomeOf) {
        line += " -a '(__fish_append , " + names + ")'";
      } else if (!names.empty()) {
        line += " -a '" + names + "'";
      }
      if (option->nonpositional()) line += " -d " + quoted(option->get_description(), true);
      out += line + "\n";
    }
  }
  return out;
}

}  // namespace

void add_completion(CLI::App& app, const ChooseSubcommand& choose) {
  auto shell = std::make_shared<std::string>();
  CLI::App* completion =
      app.add_subcommand("completion", "Print what makes a shell complete sclip's options and names");
  completion->add_option("shell", *shell, "bash, zsh or fish")->required();
  completion->footer(
      "Examples:\n"
      "  eval \"$(sclip completion bash)\"               # in ~/.bashrc\n"
      "  sclip completion zsh > ~/.zsh/_sclip          # a folder of $fpath\n"
      "  sclip completion fish > ~/.config/fish/completions/sclip.fish\n");
  completion->callback([shell, choose, &app] {
    choose([shell, &app] {
      std::string text;
      if (*shell == "bash") {
        text = for_bash(app);
      } else if (*shell == "zsh") {
        text = for_zsh(app);
      } else if (*shell == "fish") {
        text = for_fish(app);
      } else {
        fail(ErrorCode::kInvalidArgument, "there is no completion for '", *shell, "': name bash, zsh or fish");
      }
      std::fwrite(text.data(), 1, text.size(), stdout);
      return kExitDone;
    });
  });
}

}  // namespace sclip
