#include "apps/tune/sampling.h"

#include <algorithm>
#include <string_view>
#include <system_error>

#include "evaluation/mask_rule.h"
#include "io/label_read.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr int64_t kMostPlaneBytes = int64_t{4} << 30;

}  // namespace

PixelGrid::PixelGrid(int w, int h, int64_t most) : width(w), height(h) {
  while (most > 0 && step < std::min(width, height) && pixels() > most) ++step;
}

std::vector<float> sample_planes(std::span<const float> planes, int64_t queries, const PixelGrid& grid, bool mirrored) {
  std::vector<float> out;
  out.reserve(static_cast<size_t>(queries * grid.pixels()));
  const int64_t size = int64_t{grid.width} * grid.height;
  for (int64_t k = 0; k < queries; ++k) {
    const float* plane = planes.data() + k * size;
    grid.each([&](int x, int y) {
      const int column = mirrored ? grid.width - 1 - x : x;
      out.push_back(plane[int64_t{y} * grid.width + column]);
    });
  }
  return out;
}

std::vector<uint8_t> mirror(const ImageView& photo) {
  check_rgb(photo, "the photo");
  std::vector<uint8_t> out(static_cast<size_t>(photo.row_bytes() * photo.height));
  uint8_t* to = out.data();
  for (int y = 0; y < photo.height; ++y) {
    const uint8_t* row = photo.row(y);
    for (int x = photo.width - 1; x >= 0; --x, to += 3) std::copy_n(row + int64_t{x} * 3, 3, to);
  }
  return out;
}

PhotoSample sample_photo(Session& session, const ImageView& photo, const TextBank& bank, const SegmentOptions& options,
                         int64_t most_pixels, const std::string& name, bool mirrored) {
  const int64_t queries = bank.queries(), planes = queries * photo.width * photo.height;
  SCLIP_CHECK(planes <= kMostPlaneBytes / 4, kUnsupported, name, ": ", queries, " planes of ", photo.width, "×",
              photo.height, " pixels need more than 4 GiB: tune on smaller photos, or with fewer words");
  const PixelGrid grid(photo.width, photo.height, most_pixels);
  PhotoSample out{.name = name, .pixels = grid.pixels(), .cosines = {}, .mirrored = {}, .truth = {}};
  std::vector<float> logits(static_cast<size_t>(planes));
  session.segment(photo, bank, options, logits);
  out.cosines = sample_planes(logits, queries, grid, false);
  if (!mirrored) return out;
  const std::vector<uint8_t> other = mirror(photo);
  session.segment(ImageView{other.data(), photo.width, photo.height}, bank, options, logits);
  out.mirrored = sample_planes(logits, queries, grid, true);
  return out;
}

std::vector<int32_t> sample_mask(const std::filesystem::path& mask, const PixelGrid& grid, int64_t classes,
                                 bool zero_is_none) {
  const LabelPicture picture = load_label_png(mask);
  SCLIP_CHECK(picture.width == grid.width && picture.height == grid.height, kInvalidArgument, mask.string(), " has ",
              picture.width, "×", picture.height, " pixels and its photo ", grid.width, "×", grid.height,
              ": sclip doctor tells what is wrong with masks");
  const MaskRule rule(zero_is_none ? MaskRuleKind::kZeroIsVoid : MaskRuleKind::kAsStored, static_cast<size_t>(classes));
  std::vector<int32_t> truth;
  truth.reserve(static_cast<size_t>(grid.pixels()));
  grid.each([&](int x, int y) {
    const uint16_t stored =
        picture.labels[static_cast<size_t>(y) * static_cast<size_t>(grid.width) + static_cast<size_t>(x)];
    const uint16_t label = rule.class_of(stored);
    SCLIP_CHECK(label != kUnknownLabel, kInvalidArgument, mask.string(), " has the label ", stored, " at (", x, ", ", y,
                "), and there are ", classes, " classes: sclip doctor tells what is wrong with masks");
    truth.push_back(label == kIgnoredLabel ? kNoClass : int32_t{label});
  });
  return truth;
}

std::filesystem::path find_mask(const std::filesystem::path& masks, const std::filesystem::path& folder,
                                const std::string& stem) {
  static constexpr std::string_view kEndings[] = {".png",   "_labelTrainIds.png", "_GT.png",
                                                  "_L.png", "_mask.png",          "_label.png"};
  for (const std::string_view ending : kEndings) {
    const auto file = masks / folder / (stem + std::string(ending));
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error)) return file;
  }
  return {};
}

}  // namespace sclip
