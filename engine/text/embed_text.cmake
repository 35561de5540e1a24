# sclip_embed_text(DATA OUTPUT): writes DATA/class_names/*.txt and DATA/imagenet_templates.txt into a C++ source, as raw
# strings behind engine/text/builtin_data.h. Configures again when one of them changes.
function(sclip_embed_text data output)
  file(GLOB class_files CONFIGURE_DEPENDS ${data}/class_names/*.txt)
  set(entries "")
  foreach(file IN LISTS class_files)
    get_filename_component(name ${file} NAME_WE)
    file(READ ${file} text)
    string(APPEND entries "    {\"${name}\", R\"text(${text})text\"},\n")
  endforeach()
  file(READ ${data}/imagenet_templates.txt templates)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${class_files} ${data}/imagenet_templates.txt)
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [[
// Made by embed_text.cmake from the files of data/. Do not edit.
#include "engine/text/builtin_data.h"

namespace sclip {
namespace {

constexpr BuiltinClassFile kClassFiles[] = {
@entries@};

}  // namespace

std::span<const BuiltinClassFile> builtin_class_files() {
  return kClassFiles;
}

std::string_view builtin_templates() {
  return R"text(@templates@)text";
}

}  // namespace sclip
]])
endfunction()
