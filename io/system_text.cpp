#include "io/system_text.h"

#include <ft2build.h>
#include <raqm.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>

#include FT_FREETYPE_H
#include FT_OUTLINE_H
#include "io/system_fonts.h"
#include "io/text.h"
#include "io/text_clusters.h"

namespace sclip {
namespace {

constexpr FT_Int32 kLoad = FT_LOAD_NO_HINTING | FT_LOAD_COLOR;
constexpr size_t kMostFonts = 32;  // that are open at once
constexpr char32_t kEllipsis = U'…';

// Colours of a picture of BGRA with premultiplied alpha, averaged over a rectangle that may end within pixels.
struct Bgra {
  double channels[4] = {};
};

Bgra average(const FT_Bitmap& picture, double x0, double y0, double x1, double y1) {
  Bgra sum;
  double area = 0;
  const int bottom = std::min(static_cast<int>(std::ceil(y1)), static_cast<int>(picture.rows));
  const int right = std::min(static_cast<int>(std::ceil(x1)), static_cast<int>(picture.width));
  for (int y = std::max(0, static_cast<int>(y0)); y < bottom; ++y) {
    const double tall = std::min(y1, y + 1.0) - std::max(y0, static_cast<double>(y));
    for (int x = std::max(0, static_cast<int>(x0)); x < right; ++x) {
      const double part = tall * (std::min(x1, x + 1.0) - std::max(x0, static_cast<double>(x)));
      const unsigned char* pixel = picture.buffer + static_cast<ptrdiff_t>(y) * picture.pitch + ptrdiff_t{4} * x;
      for (int c = 0; c < 4; ++c) sum.channels[c] += part * pixel[c];
      area += part;
    }
  }
  for (double& channel : sum.channels) channel = area > 0 ? channel / area : 0;
  return sum;
}

void lay_over(const Canvas& canvas, int x, int y, const Bgra& ink) {
  if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
  uint8_t* pixel = canvas.at(x, y);
  for (int c = 0; c < 3; ++c) {
    const double value = ink.channels[2 - c] + pixel[c] * (255 - ink.channels[3]) / 255;
    pixel[c] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
  }
}

// `scale` is from the glyph's pixels to the canvas's.
void draw_in_colour(const Canvas& canvas, double x, double y, const FT_GlyphSlot glyph, double scale) {
  const FT_Bitmap& picture = glyph->bitmap;
  const double left = x + glyph->bitmap_left * scale, top = y - glyph->bitmap_top * scale;
  const int x1 = std::min(canvas.width, static_cast<int>(std::ceil(left + picture.width * scale)));
  const int y1 = std::min(canvas.height, static_cast<int>(std::ceil(top + picture.rows * scale)));
  for (int row = std::max(0, static_cast<int>(std::floor(top))); row < y1; ++row) {
    for (int column = std::max(0, static_cast<int>(std::floor(left))); column < x1; ++column) {
      lay_over(canvas, column, row,
               average(picture, (column - left) / scale, (row - top) / scale, (column + 1 - left) / scale,
                       (row + 1 - top) / scale));
    }
  }
}

void draw_in_one_colour(const Canvas& canvas, int left, int top, const FT_Bitmap& coverage, Rgb color) {
  for (int row = 0; row < static_cast<int>(coverage.rows); ++row) {
    const unsigned char* line = coverage.buffer + static_cast<ptrdiff_t>(row) * coverage.pitch;
    for (int column = 0; column < static_cast<int>(coverage.width); ++column) {
      if (line[column] > 0) blend_pixel(canvas, left + column, top + row, color, line[column]);
    }
  }
}

}  // namespace

struct SystemText::Impl {
  struct OpenFont {
    FT_Face face = nullptr;
    double scale = 1;  // from its pixels to the canvas's: other than 1 for pictures of one size
  };

  double pixels;
  FT_Library library = nullptr;
  std::map<size_t, size_t> places;  // of a system font in `open`; kNone: it cannot be used
  std::vector<OpenFont> open;

  static constexpr size_t kNone = SIZE_MAX;

  explicit Impl(double size) : pixels(size) {}
  ~Impl() {
    for (const OpenFont& font : open) FT_Done_Face(font.face);
    if (library != nullptr) FT_Done_FreeType(library);
  }

  bool set_size(OpenFont& font) const {
    if (FT_IS_SCALABLE(font.face)) {
      return FT_Set_Char_Size(font.face, 0, static_cast<FT_F26Dot6>(std::lround(pixels * 64)), 72, 72) == 0;
    }
    if (font.face->num_fixed_sizes < 1) return false;
    int best = 0;  // the smallest that is large enough, else the largest
    for (int i = 1; i < font.face->num_fixed_sizes; ++i) {
      const auto size = [&](int n) { return static_cast<double>(font.face->available_sizes[n].y_ppem) / 64; };
      if (size(best) < pixels ? size(i) > size(best) : size(i) >= pixels && size(i) < size(best)) best = i;
    }
    if (FT_Select_Size(font.face, best) != 0) return false;
    font.scale = pixels * 64 / static_cast<double>(std::max<FT_Pos>(64, font.face->available_sizes[best].y_ppem));
    return true;
  }

  // The place of a system font in `open`; kNone for one that cannot be used.
  size_t use(size_t number) {
    const auto [entry, is_new] = places.insert({number, kNone});
    if (!is_new || open.size() >= kMostFonts) return entry->second;
    if (library == nullptr && FT_Init_FreeType(&library) != 0) return kNone;
    const SystemFont& file = system_fonts()[number];
    OpenFont font;
    if (FT_New_Face(library, file.file.c_str(), file.face, &font.face) != 0) return kNone;
    if (!set_size(font)) {
      FT_Done_Face(font.face);
      return kNone;
    }
    open.push_back(font);
    return entry->second = open.size() - 1;
  }

  bool covers(size_t number, const Cluster& cluster) const {
    const SystemFont& font = system_fonts()[number];
    return std::all_of(cluster.begin(), cluster.end(), [&](char32_t c) { return is_ignorable(c) || font.has(c); });
  }

  // The open font of each cluster: one for all of them where there is one. Empty when a cluster has none.
  std::vector<size_t> choose(const std::vector<Cluster>& clusters) {
    const size_t fonts = system_fonts().size();
    for (size_t n = 0; n < fonts; ++n) {
      if (!std::all_of(clusters.begin(), clusters.end(), [&](const Cluster& c) { return covers(n, c); })) continue;
      if (const size_t place = use(n); place != kNone) return std::vector<size_t>(clusters.size(), place);
    }
    std::vector<size_t> chosen;
    for (const Cluster& cluster : clusters) {
      size_t place = kNone;
      for (size_t n = 0; n < fonts && place == kNone; ++n) {
        if (covers(n, cluster)) place = use(n);
      }
      if (place == kNone) return {};
      chosen.push_back(place);
    }
    return chosen;
  }

  // Whether the font draws anything for it.
  bool has_ink(FT_Face face, uint32_t glyph) const {
    if (FT_Load_Glyph(face, glyph, kLoad) != 0) return false;
    if (face->glyph->format == FT_GLYPH_FORMAT_OUTLINE) return face->glyph->outline.n_points > 0;
    return face->glyph->bitmap.rows > 0 && face->glyph->bitmap.width > 0;
  }

  std::optional<SystemLine> shape(const std::vector<Cluster>& clusters) {
    if (clusters.empty()) return SystemLine{};
    const std::vector<size_t> fonts = choose(clusters);
    if (fonts.empty()) return std::nullopt;
    std::vector<uint32_t> text;
    std::vector<size_t> cluster_of;  // of each code point
    for (size_t i = 0; i < clusters.size(); ++i) {
      text.insert(text.end(), clusters[i].begin(), clusters[i].end());
      cluster_of.resize(text.size(), i);
    }
    const std::unique_ptr<raqm_t, void (*)(raqm_t*)> line(raqm_create(), raqm_destroy);
    if (!line || !raqm_set_text(line.get(), text.data(), text.size()) ||
        !raqm_set_par_direction(line.get(), RAQM_DIRECTION_DEFAULT) ||
        !raqm_set_freetype_load_flags(line.get(), kLoad)) {
      return std::nullopt;
    }
    size_t begin = 0;
    for (size_t i = 0; i < clusters.size(); begin += clusters[i++].size()) {
      if (!raqm_set_freetype_face_range(line.get(), open[fonts[i]].face, begin, clusters[i].size()))
        return std::nullopt;
    }
    size_t count = 0;
    const raqm_glyph_t* glyphs = raqm_layout(line.get()) ? raqm_get_glyphs(line.get(), &count) : nullptr;
    if (glyphs == nullptr) return std::nullopt;

    SystemLine out;
    std::vector<bool> placed(clusters.size()), drawn(clusters.size());
    for (size_t i = 0; i < count; ++i) {
      const raqm_glyph_t& glyph = glyphs[i];
      const size_t cluster = cluster_of.at(glyph.cluster);
      const size_t font = fonts[cluster];
      const double scale = open[font].scale / 64;
      if (glyph.index == 0) return std::nullopt;
      placed[cluster] = true;
      drawn[cluster] = drawn[cluster] || has_ink(open[font].face, glyph.index);
      out.glyphs.push_back({font, glyph.index, out.width + glyph.x_offset * scale, glyph.y_offset * scale});
      out.width += glyph.x_advance * scale;
    }
    // A font may list a character and draw nothing. In a ligature the first cluster has the glyph, the others none.
    for (size_t i = 0; i < clusters.size(); ++i) {
      if (placed[i] && !drawn[i] && !is_blank(clusters[i][0])) return std::nullopt;
    }
    return out;
  }
};

SystemText::SystemText(double pixels) : impl_(std::make_unique<Impl>(pixels)) {}
SystemText::~SystemText() = default;

std::optional<SystemLine> SystemText::shape(std::string_view text, double limit) {
  bool cut = false;
  std::vector<Cluster> clusters = text_clusters(text, cut);
  // What stands for bytes that are not UTF-8 is in many fonts.
  const bool broken = std::any_of(clusters.begin(), clusters.end(),
                                  [](const Cluster& c) { return c.find(U'\ufffd') != Cluster::npos; });
  if (clusters.empty() || broken) return std::nullopt;
  std::optional<SystemLine> whole = impl_->shape(clusters);
  if (!whole || (!cut && whole->width <= limit)) return whole;
  const auto shortened = [&](size_t count) {
    std::vector<Cluster> some(clusters.begin(), clusters.begin() + static_cast<std::ptrdiff_t>(count));
    some.push_back({kEllipsis});
    return impl_->shape(some);
  };
  size_t fits = 0, above = clusters.size() + 1;  // widths grow with the count, but for a ligature's worth
  std::optional<SystemLine> best = shortened(0);
  while (best && above - fits > 1) {
    const size_t middle = (fits + above) / 2;
    std::optional<SystemLine> line = shortened(middle);
    if (!line) return line;
    if (line->width <= limit) {
      fits = middle;
      best = std::move(line);
    } else {
      above = middle;
    }
  }
  return best;
}

void SystemText::draw(const Canvas& canvas, double x, int baseline, const SystemLine& line, Rgb color) {
  for (const PlacedGlyph& placed : line.glyphs) {
    const Impl::OpenFont& font = impl_->open.at(placed.font);
    if (FT_Load_Glyph(font.face, placed.index, kLoad) != 0) continue;
    const FT_GlyphSlot glyph = font.face->glyph;
    const double left = x + placed.x, y = baseline - placed.y;
    if (glyph->format == FT_GLYPH_FORMAT_OUTLINE) {
      const double whole = std::floor(left);
      FT_Outline_Translate(&glyph->outline, static_cast<FT_Pos>(std::lround((left - whole) * 64)), 0);
      if (FT_Render_Glyph(glyph, FT_RENDER_MODE_NORMAL) != 0) continue;
      if (glyph->bitmap.pixel_mode == FT_PIXEL_MODE_GRAY) {
        draw_in_one_colour(canvas, static_cast<int>(whole) + glyph->bitmap_left,
                           static_cast<int>(std::lround(y)) - glyph->bitmap_top, glyph->bitmap, color);
        continue;
      }
    }
    if (glyph->bitmap.pixel_mode == FT_PIXEL_MODE_BGRA) draw_in_colour(canvas, left, y, glyph, font.scale);
  }
}

}  // namespace sclip
