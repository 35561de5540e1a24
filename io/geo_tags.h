// GeoTIFF's tags: where on Earth the pixels lie. Carried from a photo to its mask as they are, and not understood.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sclip {

// Their numbers in a TIFF.
enum GeoTag : uint32_t {
  kModelPixelScale = 33550,
  kModelTiepoint = 33922,
  kModelTransformation = 34264,
  kGeoKeyDirectory = 34735,
  kGeoDoubleParams = 34736,
  kGeoAsciiParams = 34737,
};

struct GeoTags {
  std::vector<double> pixel_scale, tie_points, transformation;
  std::vector<uint16_t> keys;
  std::vector<double> double_params;
  std::string ascii_params;
};

}  // namespace sclip
