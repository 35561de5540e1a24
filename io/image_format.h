// What kind of picture a file is, by its first bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace sclip {

struct ImageFormat {
  enum Kind { kPng, kJpeg, kBmp, kGif, kPsd, kPnm, kTga, kForeign, kUnknown };
  Kind kind = kUnknown;
  std::string_view name;  // "PNG"; for kForeign a format that is known but not decoded here: "WebP"
};

ImageFormat detect_image_format(std::span<const std::byte> bytes, std::string_view file_name);

}  // namespace sclip
