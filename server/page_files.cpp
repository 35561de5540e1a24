#include "server/page_files.h"

#include <vector>

#include "core/hash.h"
#include "server/embedded_page.h"

namespace sclip {
namespace {

std::string_view media_type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  if (name.ends_with(".png")) return "image/png";
  return "application/octet-stream";
}

}  // namespace

std::span<const PageFile> page_files() {
  static const std::vector<PageFile> kFiles = [] {
    std::vector<PageFile> files;
    for (const EmbeddedFile& file : embedded_page()) {
      const std::string name(file.name);
      files.push_back({.path = name == "index.html" ? "/" : "/" + name,
                       .media_type = media_type_of(name),
                       .content = file.content,
                       .etag = "\"" + sha256_hex(std::as_bytes(std::span(file.content))).substr(0, 32) + "\""});
    }
    return files;
  }();
  return kFiles;
}

}  // namespace sclip
