#include "results/output_kinds.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/find_named.h"
#include "core/npy.h"
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

using Bytes = std::vector<std::byte>;

Bytes encode_mask(const OutputSource& source) {
  std::vector<Rgb> palette;
  for (const ClassStyle& style : source.styles) palette.push_back(style.color);
  palette.resize(source.label_count());
  if (source.ignored()) palette[*source.ignored()] = kIgnoredColor;
  return encode_png_labels(source.labels(), palette, source.pool);
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

Bytes encode_overlay(const OutputSource& source) {
  return encode_png_rgb(overlay(source).view(), source.pool);
}

Bytes encode_overlay_jpeg(const OutputSource& source) {
  return encode_jpeg_rgb(overlay(source).view());
}

Bytes encode_grey(const OutputSource& source) {
  return encode_png_grey(source.labels(), source.label_count(), source.pool);
}

Bytes encode_geotiff(const OutputSource& source) {
  const auto largest = static_cast<uint16_t>(source.label_count() - 1);
  return encode_tiff_labels(source.labels(), largest, source.photo.geo);
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

Bytes encode_json(const nlohmann::ordered_json& json, int indent) {
  // Names of classes and files may be any bytes.
  const std::string text = json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return {bytes, bytes + text.size()};
}

Bytes encode_coco(const OutputSource& source) {
  return encode_json(coco_json(source.run, source.photo, source.classes, source.segmentation), 1);
}

Bytes encode_scores(const OutputSource& source) {
  const Segmentation& s = source.segmentation;
  return encode_npy({s.scores.data(), DType::kF32, {s.height, s.width}});
}

// In place: a large photo's scores are not held twice.
void write_scores(const OutputSource& source, const fs::path& path, OutputTransaction& outputs) {
  const auto& scores = source.segmentation.scores;
  const std::span<float> file = outputs.add_npy(path, {source.segmentation.height, source.segmentation.width});
  std::copy(scores.begin(), scores.end(), file.begin());
}

Bytes encode_logits(const OutputSource& source) {
  const auto queries = static_cast<int64_t>(source.classes.queries().size());
  const auto kept = [&](int pixels) { return (pixels + source.logits_step - 1) / source.logits_step; };
  return encode_npy({source.logits.data(),
                     DType::kF32,
                     {queries, kept(source.segmentation.height), kept(source.segmentation.width)}});
}

void claim_logits(const OutputSize& size, const fs::path& path, OutputTransaction& outputs, OutputTargets& targets) {
  targets.logits = outputs.add_npy(path, {size.queries, size.height, size.width});
}

Bytes encode_result(const OutputSource& source) {
  return encode_json(result_json(source.run, source.photo, source.classes, source.segmentation), 2);
}

constexpr std::string_view kPng = "image/png", kJpeg = "image/jpeg", kTiff = "image/tiff", kJson = "application/json",
                           kNpy = "application/x-npy";

constexpr OutputKind kKinds[] = {
    {"mask", "mask.png", kPng, "class ids, shown in colours (ids over 255: as grey)", encode_mask},
    {"overlay", "overlay.png", kPng, "the photo under the colours of its classes, with a legend", encode_overlay},
    {"overlay-jpeg", "overlay.jpg", kJpeg, "the same as a JPEG", encode_overlay_jpeg},
    {"grey", "grey.png", kPng, "class ids as grey of 8 bits, over 255 16: what every reader returns as it is",
     encode_grey},
    {"geotiff", "mask.tif", kTiff,
     "class ids as a TIFF of 8 or 16 bits, with the place on Earth that a GeoTIFF photo has", encode_geotiff},
    {"per-class", "per-class", "", "a folder with a black and white picture of each class that has pixels", nullptr,
     write_per_class},
    {"rle", "rle.json", kJson, "each class's mask as COCO's compressed run lengths, for pycocotools", encode_coco},
    {"scores", "scores.npy", kNpy, "the best class score of every pixel, f32", encode_scores, write_scores},
    {"logits", "logits.npy", kNpy, "the cosine of every query at every pixel, f32", encode_logits, nullptr,
     claim_logits},
    // Last: it vouches for the others.
    {"json", kResultFile, kJson, "classes with their shares, times, options; what --resume goes by", encode_result},
};

}  // namespace

std::span<const OutputKind> output_kinds() {
  return kKinds;
}

const OutputKind& find_output_kind(std::string_view name) {
  return find_named(kKinds, name, "there is no output");
}

}  // namespace sclip
