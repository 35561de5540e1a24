// How a photo is read at a point of it: where the point's patch looks, and what looks like it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace sclip {

struct PhotoPoint {
  int x = 0, y = 0;  // a pixel of the photo
  bool operator==(const PhotoPoint&) const = default;
};

enum class MapKind : uint8_t {
  kAttention,  // of the point's patch, in one block
  kFeatures,   // cosines of the point's feature with the others of its window, as the policy reads them
};

MapKind parse_map_kind(std::string_view text);  // attention, features; throws kInvalidArgument
std::string_view to_string(MapKind kind);

struct MapRequest {
  std::span<const PhotoPoint> points{};
  MapKind kind = MapKind::kAttention;
  // 1 … layers; 0: the last one, as the policy has it. Any other is CLIP's own attention in that block. Of kFeatures:
  // 0.
  int block = 0;
};

// What is known of a point in its window: of those that hold it, the one whose middle is nearest to it. The point's
// patch is the one that it lies in, and the nearest where it lies beyond the last whole patch.
struct PatchMap {
  PhotoPoint point;
  int resized_width = 0, resized_height = 0;  // of the photo as the model saw it
  int window_x = 0, window_y = 0;             // in the resized photo, pixels
  int window_width = 0, window_height = 0;
  int patch_size = 0;            // pixels
  int grid_w = 0, grid_h = 0;    // w, h: patches of the window
  int patch_x = 0, patch_y = 0;  // the point's own
  int heads = 1;                 // A; 1 for what has none
  std::vector<float> values;     // (A, h, w): weights of attention, or cosines
  std::vector<float> to_class;   // (A): the weight of the class token; empty for cosines
};

// The same of one head, counted from 1, or the mean of all. Throws kInvalidArgument for a head that is not there.
PatchMap one_head(const PatchMap& map, int head);
PatchMap mean_of_heads(const PatchMap& map);

// A value of the map at a place of the photo, between patches bilinear; NaN outside the window. (0, 0) is the upper
// left corner of the photo, and its size in pixels the lower right one. `map` has one head.
class MapSampler {
 public:
  MapSampler(const PatchMap& map, int photo_width, int photo_height);
  float at(double x, double y) const;

 private:
  const PatchMap& map_;
  double scale_x_, scale_y_;
};

// Takes the plane (H0, W0) of a query, valid during the call.
using OnPlane = std::function<void(int64_t query, std::span<const float> plane)>;

}  // namespace sclip
