#include "apps/segment_photo.h"

#include "core/stopwatch.h"
#include "io/image_decode.h"
#include "results/photo_outputs.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// The session knows pixels, not files: its errors get the photo's name here.
Segmentation segment_named(Session& session, ImageView photo, const SegmentRun& run, const OutputTargets& targets,
                           const std::filesystem::path& name) {
  try {
    return session.segment(photo, *run.bank, run.facts.options, targets.logits);
  } catch (const Error& error) {
    fail(error.code(), name.string(), ": ", error.what());
  }
}

}  // namespace

SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job) {
  ThreadPool& pool = run.engine->thread_pool();
  PhotoFacts facts{.path = job.photo, .identity = identify_file(job.photo), .place = job.place};
  Stopwatch watch;
  const Image photo = load_image(job.photo, pool);
  facts.times.decode = watch.lap();

  PhotoOutputs outputs(run.facts, run.outputs, std::move(facts));
  const OutputTargets targets =
      outputs.claim({.queries = run.bank->queries(), .height = photo.height, .width = photo.width});
  Segmentation segmentation = segment_named(session, photo.view(), run, targets, job.photo);
  outputs.write(photo.view(), run.bank->classes(), segmentation, pool);
  return {.width = photo.width,
          .height = photo.height,
          .windows = segmentation.windows,
          .classes = std::move(segmentation.classes),
          .facts = outputs.facts()};
}

}  // namespace sclip
