#include "results/output_kinds.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/find_named.h"
#include "io/jpeg_write.h"
#include "io/overlay_picture.h"
#include "io/preview.h"
#include "io/tiff_write.h"
#include "results/class_file_name.h"
#include "results/coco_json.h"
#include "results/own_files.h"
#include "results/result_json.h"
#include "sclip/error.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

void write_mask(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  std::vector<Rgb> palette;
  for (const ClassStyle& style : source.styles) palette.push_back(style.color);
  palette.resize(source.label_count());
  if (source.ignored()) palette[*source.ignored()] = kIgnoredColor;
  outputs.add(path, encode_png_labels(source.labels(), palette, source.pool));
}

Image overlay(const OutputSource& source) {
  const Segmentation& s = source.segmentation;
  const double pixels = static_cast<double>(s.width) * s.height;
  std::vector<OverlayClass> classes;
  for (size_t i = 0; i < source.styles.size(); ++i) {
    classes.push_back({.name = source.classes.class_names()[i],
                       .color = source.styles[i].color,
                       .share = static_cast<double>(s.classes[i].pixels) / pixels,
                       .opacity = source.styles[i].opacity,
                       .id = i});
  }
  std::vector<uint16_t> few;
  LabelView labels = source.labels();
  if (source.picture.width != labels.width || source.picture.height != labels.height) {
    few = preview_labels(labels, source.picture.width, source.picture.height);
    labels = {few.data(), source.picture.width, source.picture.height};
  }
  const OverlayClass ignored{.name = source.run.ignore_name,
                             .color = kIgnoredColor,
                             .share = static_cast<double>(s.ignored.pixels) / pixels,
                             .id = source.ignored() ? static_cast<size_t>(*source.ignored()) : 0};
  return draw_overlay(source.picture, labels, classes, source.pool, source.run.overlay_size == OverlaySize::kWithLegend,
                      source.ignored() ? &ignored : nullptr);
}

void write_overlay(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  outputs.add(path, encode_png_rgb(overlay(source).view(), source.pool));
}

void write_overlay_jpeg(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  outputs.add(path, encode_jpeg_rgb(overlay(source).view()));
}

void write_grey(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  outputs.add(path, encode_png_grey(source.labels(), source.label_count(), source.pool));
}

void write_geotiff(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  const auto largest = static_cast<uint16_t>(source.label_count() - 1);
  outputs.add(path, encode_tiff_labels(source.labels(), largest, source.photo.geo));
}

void write_per_class(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  outputs.add_folder(path);
  // Pictures of an earlier run would look like this one's.
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    if (is_class_file_name(entry->path().filename().string()) && written_by_sclip(entry->path())) {
      outputs.retire(entry->path());
    }
  }
  if (error) fail(ErrorCode::kIo, "cannot read the folder ", path.string(), ": ", error.message());
  const auto add = [&](size_t label, const std::string& name, const ClassStatistics& statistics) {
    if (statistics.pixels == 0) return;
    outputs.add(path / (class_file_name(label, source.label_count(), name) + ".png"),
                encode_png_class(source.labels(), static_cast<uint16_t>(label), source.pool));
  };
  const auto& names = source.classes.class_names();
  for (size_t i = 0; i < names.size(); ++i) add(i, names[i], source.segmentation.classes[i]);
  if (source.ignored()) add(*source.ignored(), source.run.ignore_name, source.segmentation.ignored);
}

void write_json_file(const nlohmann::ordered_json& json, int indent, const fs::path& path, OutputTransaction& outputs) {
  // Names of classes and files may be any bytes.
  outputs.add(path, json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void write_rle(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  write_json_file(coco_json(source.run, source.photo, source.classes, source.segmentation), 1, path, outputs);
}

void write_scores(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  const auto& scores = source.segmentation.scores;
  const std::span<float> file = outputs.add_npy(path, {source.segmentation.height, source.segmentation.width});
  std::copy(scores.begin(), scores.end(), file.begin());
}

void claim_logits(const OutputSize& size, const fs::path& path, OutputTransaction& outputs, OutputTargets& targets) {
  targets.logits = outputs.add_npy(path, {size.queries, size.height, size.width});
}

void write_result(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  write_json_file(result_json(source.run, source.photo, source.classes, source.segmentation), 2, path, outputs);
}

constexpr OutputKind kKinds[] = {
    {"mask", "mask.png", "class ids, shown in colours (ids over 255: as grey)", write_mask},
    {"overlay", "overlay.png", "the photo under the colours of its classes, with a legend", write_overlay},
    {"overlay-jpeg", "overlay.jpg", "the same as a JPEG", write_overlay_jpeg},
    {"grey", "grey.png", "class ids as grey of 8 bits, over 255 16: what every reader returns as it is", write_grey},
    {"geotiff", "mask.tif", "class ids as a TIFF of 8 or 16 bits, with the place on Earth that a GeoTIFF photo has",
     write_geotiff},
    {"per-class", "per-class", "a folder with a black and white picture of each class that has pixels",
     write_per_class},
    {"rle", "rle.json", "each class's mask as COCO's compressed run lengths, for pycocotools", write_rle},
    {"scores", "scores.npy", "the best class score of every pixel, f32", write_scores},
    {"logits", "logits.npy", "the cosine of every query at every pixel, f32", nullptr, claim_logits},
    // Last: it vouches for the others.
    {"json", kResultFile, "classes with their shares, times, options; what --resume goes by", write_result},
};

}  // namespace

std::span<const OutputKind> output_kinds() {
  return kKinds;
}

const OutputKind& find_output_kind(std::string_view name) {
  return find_named(kKinds, name, "there is no output");
}

}  // namespace sclip
