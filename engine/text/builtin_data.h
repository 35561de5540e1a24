// The files of data/, compiled in; embed_text.cmake writes the definitions.
#pragma once

#include <span>
#include <string_view>

namespace sclip {

struct BuiltinClassFile {
  std::string_view name;  // "voc21"
  std::string_view text;
};

std::span<const BuiltinClassFile> builtin_class_files();
std::string_view builtin_templates();  // one a line

}  // namespace sclip
