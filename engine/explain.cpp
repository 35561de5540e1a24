// What is asked of maps, and what is read from them.
#include "sclip/explain.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sclip/error.h"

namespace sclip {

std::string_view to_string(MapKind kind) {
  return kind == MapKind::kFeatures ? "features" : "attention";
}

MapKind parse_map_kind(std::string_view text) {
  for (const MapKind kind : {MapKind::kAttention, MapKind::kFeatures}) {
    if (text == to_string(kind)) return kind;
  }
  fail(ErrorCode::kInvalidArgument, "there is no map '", text, "': use attention or features");
}

PatchMap one_head(const PatchMap& map, int head) {
  SCLIP_CHECK(head >= 1 && head <= map.heads, kInvalidArgument, "there is no head ", head,
              ": this model's attention has ", map.heads, ", counted from 1");
  const auto patches = static_cast<std::ptrdiff_t>(map.values.size()) / map.heads;
  PatchMap out = map;
  out.heads = 1;
  out.values.assign(map.values.begin() + (head - 1) * patches, map.values.begin() + head * patches);
  if (!map.to_class.empty()) out.to_class = {map.to_class[static_cast<size_t>(head - 1)]};
  return out;
}

PatchMap mean_of_heads(const PatchMap& map) {
  const auto mean = [&map](const std::vector<float>& values) {
    const auto heads = static_cast<size_t>(map.heads), each = values.size() / heads;
    std::vector<float> out(each);
    for (size_t i = 0; i < each; ++i) {
      double sum = 0;
      for (size_t head = 0; head < heads; ++head) sum += values[head * each + i];
      out[i] = static_cast<float>(sum / static_cast<double>(heads));
    }
    return out;
  };
  PatchMap out = map;
  out.heads = 1;
  out.values = mean(map.values);
  out.to_class = mean(map.to_class);
  return out;
}

MapSampler::MapSampler(const PatchMap& map, int photo_width, int photo_height)
    : map_(map),
      scale_x_(static_cast<double>(map.resized_width) / photo_width),
      scale_y_(static_cast<double>(map.resized_height) / photo_height) {
  SCLIP_CHECK(map.heads == 1, kInvalidArgument, "a map of ", map.heads, " heads has no single value: choose a head");
}

float MapSampler::at(double x, double y) const {
  const double in_x = x * scale_x_ - map_.window_x, in_y = y * scale_y_ - map_.window_y;
  if (in_x < 0 || in_y < 0 || in_x >= map_.window_width || in_y >= map_.window_height) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  const double u = std::clamp(in_x / map_.patch_size - 0.5, 0.0, map_.grid_w - 1.0);
  const double v = std::clamp(in_y / map_.patch_size - 0.5, 0.0, map_.grid_h - 1.0);
  const auto left = static_cast<int>(u), top = static_cast<int>(v);
  const auto value = [&](int column, int row) {
    column = std::min(column, map_.grid_w - 1);
    row = std::min(row, map_.grid_h - 1);
    return static_cast<double>(map_.values[static_cast<size_t>(row * map_.grid_w + column)]);
  };
  const double above = std::lerp(value(left, top), value(left + 1, top), u - left);
  const double below = std::lerp(value(left, top + 1), value(left + 1, top + 1), u - left);
  return static_cast<float>(std::lerp(above, below, v - top));
}

}  // namespace sclip
