// Made by the build: embedded_page.cpp has the bytes of every file in server/page/.
#pragma once

#include <span>
#include <string_view>

namespace sclip {

struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

std::span<const EmbeddedFile> embedded_page();

}  // namespace sclip
