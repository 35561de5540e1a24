// Which kinds of picture there are: how each is known, and what decodes it in this build.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "io/decode/decoders.h"

namespace sclip {

struct PictureFormat {
  std::string_view name;                         // "PNG"
  bool (*matches)(PictureBytes bytes);           // by its first bytes, or its last: a name says nothing
  ReaderPointer (*open)(PictureBytes bytes);     // null: not decoded in this build
  std::string_view library;                      // what would decode it, where the build lacks it
  std::span<const std::string_view> extensions;  // for searching folders, in lower case
};

std::span<const PictureFormat> picture_formats();
// Null for bytes in no known format. `file_name` tells TGA, which has no signature of its own.
const PictureFormat* find_picture_format(PictureBytes bytes, std::string_view file_name);

std::string decoded_formats();                                  // "JPEG, PNG, …": in this build
bool has_picture_extension(const std::filesystem::path& file);  // of a format that this build decodes

}  // namespace sclip
