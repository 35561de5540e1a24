// The files of server/page/, as the build compiled them in.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sclip {

struct PageFile {
  std::string path;  // "/", "/page.css"
  std::string_view media_type;
  std::string_view content;
  std::string etag;  // of the content
};

std::span<const PageFile> page_files();

}  // namespace sclip
