// The classes.txt of a folder: names and the numbers that stand for them in its masks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "evaluation/mask_rule.h"
#include "sclip/class_list.h"

namespace sclip {

struct ListedClasses {
  ClassList classes;
  MaskRule rule;
  std::vector<std::string> ignored;  // names whose pixels do not count
};

// Either a class a line, the first being number 0, as in any class file; or on every line the number, a blank and the
// name: "7 sky". There a class that is called void, unlabeled, unlabelled, various or ignore, or whose name says
// "(ignore)" or "or ignore", does not count. Throws kInvalidArgument naming `source`.
ListedClasses parse_listed_classes(std::string_view bytes, std::string_view source);

}  // namespace sclip
