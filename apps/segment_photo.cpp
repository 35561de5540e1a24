#include "apps/segment_photo.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/output_transaction.h"
#include "apps/stopwatch.h"
#include "core/error.h"
#include "io/image_decode.h"
#include "io/overlay_picture.h"
#include "io/palette.h"
#include "io/png_write.h"

namespace sclip {
namespace {

constexpr uint8_t kOpacity = 128;
constexpr uint8_t kBackgroundOpacity = 64;  // what was not named lets more of the photo through

std::vector<OverlayClass> overlay_classes(const ClassList& classes, const std::vector<Rgb>& palette,
                                          const Segmentation& segmentation) {
  const double pixels = static_cast<double>(segmentation.width) * segmentation.height;
  std::vector<OverlayClass> out;
  for (size_t i = 0; i < palette.size(); ++i) {
    out.push_back({.name = classes.class_names()[i],
                   .color = palette[i],
                   .share = static_cast<double>(segmentation.classes[i].pixels) / pixels,
                   .opacity = classes.class_names()[i] == "background" ? kBackgroundOpacity : kOpacity});
  }
  return out;
}

// The session knows pixels, not files: its errors get the photo's name here.
Segmentation segment_named(Session& session, ImageView photo, const SegmentRun& run, LogitsSink sink,
                           const std::filesystem::path& name) {
  try {
    return session.segment(photo, *run.bank, run.facts.options, sink);
  } catch (const Error& error) {
    fail(error.code(), name.string(), ": ", error.what());
  }
}

}  // namespace

SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job) {
  const ClassList& classes = run.bank->classes();
  ThreadPool& pool = run.engine->backend().thread_pool();
  PhotoFacts facts{.job = job, .identity = identify_file(job.photo), .times = {}, .outputs = {}};
  PhotoTimes& times = facts.times;
  Stopwatch watch;
  const Image photo = load_image(job.photo, pool);
  times.decode = watch.lap();

  make_output_folder(job.folder);
  OutputTransaction outputs;
  std::vector<std::filesystem::path> paths;
  const auto output = [&](const std::string& kind, const std::filesystem::path& path) {
    paths.push_back(path);
    facts.outputs[kind] =
        std::filesystem::absolute(path).lexically_relative(std::filesystem::absolute(job.folder)).string();
    return path;
  };
  LogitsSink sink;
  if (run.logits) {
    const auto path = output("logits", run.logits_file.empty() ? job.output("logits.npy") : run.logits_file);
    sink.data = outputs.add_npy(path, {run.bank->queries(), photo.height, photo.width});
  }
  const Segmentation segmentation = segment_named(session, photo.view(), run, sink, job.photo);
  times.resize = segmentation.times.resize;
  times.encode = segmentation.times.encode;
  times.merge = segmentation.times.merge;

  watch.lap();
  if (run.scores) {
    const auto path = output("scores", run.scores_file.empty() ? job.output("scores.npy") : run.scores_file);
    float* scores = outputs.add_npy(path, {photo.height, photo.width});
    std::copy(segmentation.scores.begin(), segmentation.scores.end(), scores);
  }
  const std::vector<Rgb> palette = make_palette(classes.class_names());
  const LabelView labels{segmentation.labels.data(), photo.width, photo.height};
  outputs.add(output("mask", job.output("mask.png")), encode_png_labels(labels, palette, pool));
  const Image overlay = draw_overlay(photo.view(), labels, overlay_classes(classes, palette, segmentation), pool);
  outputs.add(output("overlay", job.output("overlay.png")), encode_png_rgb(overlay.view(), pool));
  times.write = watch.lap();

  const auto json = result_json(run.facts, facts, classes, segmentation);
  paths.push_back(job.output("result.json"));
  outputs.add(paths.back(), json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  outputs.commit();
  return {.width = photo.width,
          .height = photo.height,
          .windows = segmentation.windows,
          .times = times,
          .classes = segmentation.classes,
          .outputs = paths};
}

}  // namespace sclip
