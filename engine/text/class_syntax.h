// How one class is written: its names between commas, which may stand behind a name to show and '='.
//
//   building, house, temple        background = sky, wall        "black, white; or grey"
//
// A name in double quotes may hold any of these characters; a quote in it is written twice. Elsewhere than at the
// beginning of a name a quote is a character like any other.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

enum class ClassSyntax {
  kLine,      // of a file: a comma separates where a blank or a quoted name ends at it, and ';' is a character
  kArgument,  // of a command line: every comma separates, and ';' ends the class
};

struct ClassText {
  std::optional<std::string> shown;  // before '='
  std::vector<std::string> names;    // without the blanks around them; may be empty
  // What stands in an unquoted name and may be meant otherwise: the first such name.
  std::optional<std::string> tight_comma;
  std::optional<std::string> semicolon;
};

// Reads the class at the beginning of `text` and removes it, with the ';' that ends it. Throws kInvalidArgument for
// quotes and '=' that cannot be meant; `place` begins the message.
ClassText read_class(std::string_view& text, ClassSyntax syntax, std::string_view place);

}  // namespace sclip
