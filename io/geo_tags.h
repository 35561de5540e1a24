// GeoTIFF's tags: where on Earth the pixels lie. Carried from a photo to its mask as they are, and not understood.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sclip {

struct GeoTags {
  std::vector<double> pixel_scale;     // 33550 ModelPixelScaleTag
  std::vector<double> tie_points;      // 33922 ModelTiepointTag
  std::vector<double> transformation;  // 34264 ModelTransformationTag
  std::vector<uint16_t> keys;          // 34735 GeoKeyDirectoryTag
  std::vector<double> double_params;   // 34736 GeoDoubleParamsTag
  std::string ascii_params;            // 34737 GeoAsciiParamsTag

  bool empty() const { return pixel_scale.empty() && tie_points.empty() && transformation.empty() && keys.empty(); }
};

}  // namespace sclip
