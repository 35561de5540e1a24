#include "io/overlay_picture.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "io/legend.h"
#include "kernels/overlay/overlay.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// A border must be seen when the whole picture is shown on a screen.
int64_t line_width(int width, int height) {
  return std::max<int64_t>(1, std::lround(std::min(width, height) / 900.0));
}

}  // namespace

Image draw_overlay(ImageView photo, LabelView labels, std::span<const OverlayClass> classes, ThreadPool& pool,
                   bool legend, const OverlayClass* no_class) {
  check_rgb(photo, "the photo under an overlay", true);
  SCLIP_CHECK(labels.labels != nullptr, kInvalidArgument, "an overlay needs labels, and there are none");
  SCLIP_CHECK(photo.width == labels.width && photo.height == labels.height, kInvalidArgument, "cannot lay a mask of ",
              labels.width, " × ", labels.height, " pixels over a photo of ", photo.width, " × ", photo.height);
  std::vector<uint8_t> colors;
  std::vector<LegendEntry> entries;
  for (const OverlayClass& c : classes) {
    colors.insert(colors.end(), {c.color.r, c.color.g, c.color.b, c.opacity});
    if (legend) entries.push_back({c.name, c.color, c.share, c.id});
  }
  if (legend && no_class != nullptr)
    entries.push_back({no_class->name, no_class->color, no_class->share, no_class->id});
  const Legend panel(photo.width, photo.height, std::move(entries));
  Image picture = legend ? Image(panel.width(), panel.height()) : Image(photo.width, photo.height);
  const size_t stride = static_cast<size_t>(picture.width) * 3;
  CpuScratch scratch;
  overlay_cpu({.photo = photo.pixels,
               .labels = labels.labels,
               .labels_dtype = DType::kU16,
               .colors = colors.data(),
               .classes = static_cast<int64_t>(classes.size()),
               .dst = picture.rgb.data(),
               .dst_stride = static_cast<int64_t>(stride),
               .height = photo.height,
               .width = photo.width,
               .line = line_width(photo.width, photo.height)},
              {&pool, &scratch});
  if (legend) panel.draw({picture.rgb.data(), picture.width, picture.height, stride});
  return picture;
}

}  // namespace sclip
