#include "io/system_fonts.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace sclip {
namespace {

// Fonts that have a box for every character.
bool is_of_boxes(std::string_view family) {
  static constexpr std::array<std::string_view, 5> kFamilies = {"Last Resort", "LastResort", "Unicode BMP Fallback SIL",
                                                                "Adobe Blank", "Adobe NotDef"};
  return std::any_of(kFamilies.begin(), kFamilies.end(),
                     [&](std::string_view name) { return family.substr(0, name.size()) == name; });
}

bool is_true(const FcPattern* font, const char* property) {
  FcBool value = FcFalse;
  return FcPatternGetBool(font, property, 0, &value) == FcResultMatch && value == FcTrue;
}

// Fontconfig's current configuration is the host program's.
class FontList {
 public:
  FontList() : config_(FcConfigCreate(), FcConfigDestroy), sorted_(nullptr, FcFontSetDestroy) {
    if (!config_ || FcConfigParseAndLoad(config_.get(), nullptr, /*complain=*/FcFalse) != FcTrue ||
        FcConfigBuildFonts(config_.get()) != FcTrue) {
      return;
    }
    const std::unique_ptr<FcPattern, void (*)(FcPattern*)> plain(FcPatternCreate(), FcPatternDestroy);
    if (!plain) return;
    FcPatternAddString(plain.get(), FC_FAMILY, reinterpret_cast<const FcChar8*>("sans-serif"));
    FcConfigSubstitute(config_.get(), plain.get(), FcMatchPattern);
    FcDefaultSubstitute(plain.get());
    FcResult result = FcResultMatch;
    sorted_.reset(FcFontSort(config_.get(), plain.get(), /*trim=*/FcFalse, nullptr, &result));
    if (!sorted_) return;
    for (int i = 0; i < sorted_->nfont; ++i) add(sorted_->fonts[i]);
  }

  const std::vector<SystemFont>& fonts() const { return fonts_; }

 private:
  void add(const FcPattern* font) {
    FcChar8* file = nullptr;
    FcChar8* family = nullptr;
    FcCharSet* characters = nullptr;
    int face = 0;
    // Bitmaps of one size look torn at another; those in colour are emoji, and are scaled.
    const bool usable = is_true(font, FC_SCALABLE) || is_true(font, FC_COLOR);
    if (!usable || is_true(font, FC_VARIABLE) || FcPatternGetString(font, FC_FILE, 0, &file) != FcResultMatch ||
        FcPatternGetCharSet(font, FC_CHARSET, 0, &characters) != FcResultMatch ||
        FcPatternGetInteger(font, FC_INDEX, 0, &face) != FcResultMatch) {
      return;
    }
    if (FcPatternGetString(font, FC_FAMILY, 0, &family) == FcResultMatch &&
        is_of_boxes(reinterpret_cast<const char*>(family))) {
      return;
    }
    fonts_.push_back({reinterpret_cast<const char*>(file), face, characters});
  }

  std::unique_ptr<FcConfig, void (*)(FcConfig*)> config_;
  std::unique_ptr<FcFontSet, void (*)(FcFontSet*)> sorted_;  // what the fonts' characters belong to
  std::vector<SystemFont> fonts_;
};

}  // namespace

const std::vector<SystemFont>& system_fonts() {
  static const FontList list;
  return list.fonts();
}

}  // namespace sclip
