#include "io/image_format.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace sclip {
namespace {

using namespace std::string_view_literals;

struct Magic {
  size_t offset;
  std::string_view bytes;
  ImageFormat format;
};

constexpr Magic kMagics[] = {
    {0, "\x89PNG\r\n\x1a\n"sv, {ImageFormat::kPng, "PNG"}},
    {0, "\xff\xd8"sv, {ImageFormat::kJpeg, "JPEG"}},
    {0, "BM"sv, {ImageFormat::kBmp, "BMP"}},
    {0, "GIF87a"sv, {ImageFormat::kGif, "GIF"}},
    {0, "GIF89a"sv, {ImageFormat::kGif, "GIF"}},
    {0, "8BPS"sv, {ImageFormat::kPsd, "PSD"}},
    {0, "P5"sv, {ImageFormat::kPnm, "PNM"}},
    {0, "P6"sv, {ImageFormat::kPnm, "PNM"}},
    {8, "WEBP"sv, {ImageFormat::kForeign, "WebP"}},
    {4, "ftypavif"sv, {ImageFormat::kForeign, "AVIF"}},
    {4, "ftyphei"sv, {ImageFormat::kForeign, "HEIF"}},
    {4, "ftypmif1"sv, {ImageFormat::kForeign, "HEIF"}},
    {0, "II*\0"sv, {ImageFormat::kForeign, "TIFF"}},
    {0, "MM\0*"sv, {ImageFormat::kForeign, "TIFF"}},
    {4, "jP  "sv, {ImageFormat::kForeign, "JPEG 2000"}},
    {4, "JXL "sv, {ImageFormat::kForeign, "JPEG XL"}},
    {0, "\xff\x0a"sv, {ImageFormat::kForeign, "JPEG XL"}},
    {0, "%PDF"sv, {ImageFormat::kForeign, "PDF"}},
    {0, "<svg"sv, {ImageFormat::kForeign, "SVG"}},
};

bool named_tga(std::string_view name) {
  if (name.size() < 4) return false;
  std::string end(name.substr(name.size() - 4));
  std::transform(end.begin(), end.end(), end.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return end == ".tga" || end == ".icb" || end == ".vda" || end == ".vst";
}

}  // namespace

ImageFormat detect_image_format(std::span<const std::byte> bytes, std::string_view file_name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Magic& magic : kMagics) {
    if (text.size() > magic.offset && text.substr(magic.offset).starts_with(magic.bytes)) return magic.format;
  }
  // A second byte that no other format here has: whatever tries to pass for TGA, the decoder takes it for nothing else.
  const bool possible = bytes.size() >= 18 && std::to_integer<int>(bytes[1]) <= 1;
  if (possible && (named_tga(file_name) || text.ends_with("TRUEVISION-XFILE.\0"sv))) {
    return {ImageFormat::kTga, "TGA"};
  }
  return {};
}

}  // namespace sclip
