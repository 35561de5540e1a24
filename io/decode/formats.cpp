#include "io/decode/formats.h"

#include <algorithm>
#include <array>

namespace sclip {
namespace {

using namespace std::string_view_literals;
using Extensions = std::span<const std::string_view>;

#ifdef SCLIP_WITH_LIBJPEG
constexpr auto* kOpenJpeg = open_jpeg;
#else
constexpr auto* kOpenJpeg = open_jpeg_stb;
#endif
#ifdef SCLIP_WITH_LIBWEBP
constexpr auto* kOpenWebp = open_webp;
#else
constexpr decltype(&open_webp) kOpenWebp = nullptr;
#endif
#ifdef SCLIP_WITH_LIBTIFF
constexpr auto* kOpenTiff = open_tiff;
#else
constexpr decltype(&open_tiff) kOpenTiff = nullptr;
#endif
#ifdef SCLIP_WITH_LIBHEIF
constexpr auto* kOpenHeif = open_heif;
#else
constexpr decltype(&open_heif) kOpenHeif = nullptr;
#endif
constexpr decltype(&open_png) kNone = nullptr;

std::string_view text_of(PictureBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool has(PictureBytes bytes, size_t offset, std::string_view text) {
  return bytes.size() > offset && text_of(bytes).substr(offset).starts_with(text);
}

bool is_png(PictureBytes b) {
  return has(b, 0, "\x89PNG\r\n\x1a\n"sv);
}
bool is_jpeg(PictureBytes b) {
  return has(b, 0, "\xff\xd8"sv);
}
bool is_bmp(PictureBytes b) {
  return has(b, 0, "BM"sv);
}
bool is_gif(PictureBytes b) {
  return has(b, 0, "GIF87a"sv) || has(b, 0, "GIF89a"sv);
}
bool is_psd(PictureBytes b) {
  return has(b, 0, "8BPS"sv);
}
bool is_pnm(PictureBytes b) {
  return has(b, 0, "P5"sv) || has(b, 0, "P6"sv);
}
bool is_webp(PictureBytes b) {
  return has(b, 0, "RIFF"sv) && has(b, 8, "WEBP"sv);
}
bool is_tiff(PictureBytes b) {
  return has(b, 0, "II*\0"sv) || has(b, 0, "MM\0*"sv) || has(b, 0, "II+\0"sv) || has(b, 0, "MM\0+"sv);
}
bool is_jpeg2000(PictureBytes b) {
  return has(b, 4, "jP  "sv) || has(b, 0, "\xff\x4f\xff\x51"sv);
}
bool is_jpeg_xl(PictureBytes b) {
  return has(b, 4, "JXL "sv) || has(b, 0, "\xff\x0a"sv);
}
bool is_pdf(PictureBytes b) {
  return has(b, 0, "%PDF"sv);
}
bool is_svg(PictureBytes b) {
  return has(b, 0, "<svg"sv);
}
bool is_wav(PictureBytes b) {
  return has(b, 0, "RIFF"sv) && has(b, 8, "WAVE"sv);
}
bool is_html(PictureBytes b) {
  std::string begin(text_of(b).substr(0, 64));
  begin.erase(0, begin.find_first_not_of(" \t\r\n"));
  std::transform(begin.begin(), begin.end(), begin.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return begin.starts_with("<!doctype html") || begin.starts_with("<html");
}

// A file of ISO's box format says in its first box which brands it follows: the major one, and those compatible.
bool has_brand(PictureBytes b, std::initializer_list<std::string_view> brands) {
  if (!has(b, 4, "ftyp"sv)) return false;
  const std::string_view box = text_of(b).substr(8, 64);
  for (size_t at = 0; at + 4 <= box.size(); at += 4) {
    if (at == 4) continue;  // the version
    if (std::find(brands.begin(), brands.end(), box.substr(at, 4)) != brands.end()) return true;
    if (at == 0 && box.substr(0, 4) != "mif1" && box.substr(0, 4) != "msf1") return false;
  }
  return false;
}
bool is_avif(PictureBytes b) {
  return has_brand(b, {"avif", "avis"});
}
bool is_heic(PictureBytes b) {
  return has_brand(b, {"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "heif"}) ||
         has(b, 4, "ftypmif1"sv) || has(b, 4, "ftypmsf1"sv);
}

// TGA has no signature: its name or its footer tells, and a second byte that no other format here has, so that the
// decoder takes for nothing else what tries to pass for it.
bool may_be_tga(PictureBytes b) {
  return b.size() >= 18 && std::to_integer<int>(b[1]) <= 1;
}
bool has_tga_footer(PictureBytes b) {
  return may_be_tga(b) && text_of(b).ends_with("TRUEVISION-XFILE.\0"sv);
}

constexpr std::string_view kPngNames[] = {".png", ".apng"}, kJpegNames[] = {".jpg", ".jpeg", ".jpe", ".jfif"},
                           kBmpNames[] = {".bmp", ".dib"}, kGifNames[] = {".gif"}, kPsdNames[] = {".psd"},
                           kPnmNames[] = {".ppm", ".pgm", ".pnm"}, kTgaNames[] = {".tga", ".icb", ".vda", ".vst"},
                           kWebpNames[] = {".webp"}, kTiffNames[] = {".tif", ".tiff"}, kAvifNames[] = {".avif"},
                           kHeicNames[] = {".heic", ".heif", ".hif"};

constexpr PictureFormat kFormats[] = {
    {"JPEG", is_jpeg, kOpenJpeg, "libjpeg", kJpegNames},
    {"PNG", is_png, open_png, "libpng", kPngNames},
    {"WebP", is_webp, kOpenWebp, "libwebp", kWebpNames},
    {"TIFF", is_tiff, kOpenTiff, "libtiff", kTiffNames},
    {"AVIF", is_avif, kOpenHeif, "libheif", kAvifNames},
    {"HEIC", is_heic, kOpenHeif, "libheif", kHeicNames},
    {"BMP", is_bmp, open_bmp, "", kBmpNames},
    {"GIF", is_gif, open_gif, "", kGifNames},
    {"PNM", is_pnm, open_pnm, "", kPnmNames},
    {"PSD", is_psd, open_stb, "", kPsdNames},
    {"TGA", has_tga_footer, open_stb, "", kTgaNames},
    {"JPEG 2000", is_jpeg2000, kNone, "", {}},
    {"JPEG XL", is_jpeg_xl, kNone, "", {}},
    {"PDF", is_pdf, kNone, "", {}},
    {"SVG", is_svg, kNone, "", {}},
    {"HTML", is_html, kNone, "", {}},
    {"WAV", is_wav, kNone, "", {}},
};

bool has_extension(const std::filesystem::path& file, Extensions extensions) {
  std::string extension = file.extension().string();
  for (char& c : extension) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

}  // namespace

std::span<const PictureFormat> picture_formats() {
  return kFormats;
}

const PictureFormat* find_picture_format(PictureBytes bytes, std::string_view file_name) {
  for (const PictureFormat& format : kFormats) {
    if (format.matches(bytes)) return &format;
  }
  const auto tga =
      std::find_if(std::begin(kFormats), std::end(kFormats), [](const auto& f) { return f.name == "TGA"; });
  return may_be_tga(bytes) && has_extension(file_name, tga->extensions) ? tga : nullptr;
}

std::string decoded_formats() {
  std::string names;
  for (const PictureFormat& format : kFormats) {
    if (format.open != nullptr) names += (names.empty() ? "" : ", ") + std::string(format.name);
  }
  return names;
}

bool has_picture_extension(const std::filesystem::path& file) {
  return std::any_of(std::begin(kFormats), std::end(kFormats), [&](const PictureFormat& format) {
    return format.open != nullptr && has_extension(file, format.extensions);
  });
}

}  // namespace sclip
