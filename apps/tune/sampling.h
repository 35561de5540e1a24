// From a photo to a PhotoSample: which pixels are looked at, and what the session says there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/tune/words_at_pixels.h"
#include "sclip/image_view.h"
#include "sclip/session.h"

namespace sclip {

// Every `step`-th row and column, from step / 2 on: the smallest step that leaves at most `most` pixels; most = 0: all.
struct PixelGrid {
  int width = 0, height = 0, step = 1;

  PixelGrid(int width, int height, int64_t most);
  int64_t columns() const { return (width - step / 2 + step - 1) / step; }
  int64_t rows() const { return (height - step / 2 + step - 1) / step; }
  int64_t pixels() const { return columns() * rows(); }

  // Calls body(x, y), row by row.
  template <typename Body>
  void each(const Body& body) const {
    for (int y = step / 2; y < height; y += step) {
      for (int x = step / 2; x < width; x += step) body(x, y);
    }
  }
};

// (K, pixels) of the grid; `mirrored`: of planes of the mirrored photo, at the same places of the scene.
std::vector<float> sample_planes(std::span<const float> planes, int64_t queries, const PixelGrid& grid, bool mirrored);

// The photo, left and right exchanged; packed RGB.
std::vector<uint8_t> mirror(const ImageView& photo);

// Runs the photo, and without `truth` the mirrored one. Throws what the session throws, and kUnsupported for a photo
// whose planes need more than 4 GiB.
PhotoSample sample_photo(Session& session, const ImageView& photo, const TextBank& bank, const SegmentOptions& options,
                         int64_t most_pixels, const std::string& name, bool mirrored);

// What the mask says at the grid's pixels. 255 is no class; with `zero_is_none` so is 0, and every other label loses 1.
// Throws kNotFound, kCorruptData, kUnsupported; kInvalidArgument for another size and for a label beyond the classes.
std::vector<int32_t> sample_mask(const std::filesystem::path& mask, const PixelGrid& grid, int64_t classes,
                                 bool zero_is_none);

// The mask of a photo in a folder that has the photos' structure: STEM.png, or with what data sets put behind it.
// Empty where there is none.
std::filesystem::path find_mask(const std::filesystem::path& masks, const std::filesystem::path& folder,
                                const std::string& stem);

}  // namespace sclip
