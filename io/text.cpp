#include "io/text.h"

#include <cmath>
#include <vector>

#include "core/utf8.h"
#include "sclip/error.h"

#define STBTT_STATIC
#define STB_TRUETYPE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_truetype.h>
#pragma GCC diagnostic pop

namespace sclip {

extern const unsigned char kFontFile[];  // generated from fonts/

namespace {

const stbtt_fontinfo& font() {
  static const stbtt_fontinfo info = [] {
    stbtt_fontinfo f;
    SCLIP_CHECK(stbtt_InitFont(&f, kFontFile, 0) != 0, kInternal, "the font compiled in cannot be read");
    return f;
  }();
  return info;
}

double advance(int glyph, double scale) {
  if (glyph == 0) return 0;
  int width = 0;
  stbtt_GetGlyphHMetrics(&font(), glyph, &width, nullptr);
  return width * scale;
}

// Takes one character off the front; 0, which has neither width nor ink, for one that the font lacks.
int take_glyph(std::string_view& text) {
  size_t pos = 0;
  const char32_t character = decode_utf8(text, pos);
  text.remove_prefix(pos);
  return stbtt_FindGlyphIndex(&font(), static_cast<int>(character));
}

}  // namespace

TextStyle::TextStyle(double pixels) : scale_(stbtt_ScaleForMappingEmToPixels(&font(), static_cast<float>(pixels))) {
  int top = 0;
  stbtt_GetCodepointBox(&font(), 'H', nullptr, nullptr, nullptr, &top);
  cap_height_ = top * scale_;
}

bool TextStyle::covers(std::string_view text) {
  while (!text.empty()) {
    if (take_glyph(text) == 0) return false;
  }
  return true;
}

double TextStyle::width(std::string_view text) const {
  double total = 0;
  while (!text.empty()) total += advance(take_glyph(text), scale_);
  return total;
}

std::string TextStyle::shortened(std::string_view text, double limit) const {
  if (width(text) <= limit) return std::string(text);
  static constexpr std::string_view kEllipsis = "…";
  const double room = limit - width(kEllipsis);
  double total = 0;
  std::string_view rest = text;
  size_t kept = 0;
  while (!rest.empty()) {
    total += advance(take_glyph(rest), scale_);
    if (total > room) break;
    kept = text.size() - rest.size();
  }
  return std::string(text.substr(0, kept)) + std::string(kEllipsis);
}

void TextStyle::draw(const Canvas& canvas, double x, int baseline, std::string_view text, Rgb color) const {
  const auto scale = static_cast<float>(scale_);
  std::vector<unsigned char> coverage;
  while (!text.empty()) {
    const int glyph = take_glyph(text);
    if (glyph == 0) continue;
    const double left = std::floor(x);
    const auto shift = static_cast<float>(x - left);
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
    stbtt_GetGlyphBitmapBoxSubpixel(&font(), glyph, scale, scale, shift, 0, &x0, &y0, &x1, &y1);
    const int width = x1 - x0, height = y1 - y0;
    if (width > 0 && height > 0) {
      coverage.assign(static_cast<size_t>(width) * static_cast<size_t>(height), 0);
      stbtt_MakeGlyphBitmapSubpixel(&font(), coverage.data(), width, height, width, scale, scale, shift, 0, glyph);
      for (int row = 0; row < height; ++row) {
        for (int column = 0; column < width; ++column) {
          const int c = coverage[static_cast<size_t>(row) * static_cast<size_t>(width) + static_cast<size_t>(column)];
          if (c > 0) blend_pixel(canvas, static_cast<int>(left) + x0 + column, baseline + y0 + row, color, c);
        }
      }
    }
    x += advance(glyph, scale_);
  }
}

}  // namespace sclip
