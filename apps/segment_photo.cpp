#include "apps/segment_photo.h"

#include <exception>

#include "core/stopwatch.h"
#include "io/image_decode.h"
#include "results/photo_outputs.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// A photo on its way: what is decoded, and the outputs that wait for it.
class OpenPhoto {
 public:
  OpenPhoto(const SegmentRun& run, const PhotoJob& job) : run_(run), name_(job.photo.string()) {
    PhotoFacts facts{.path = job.photo, .identity = identify_file(job.photo), .place = job.place};
    Stopwatch watch;
    picture_ = load_image(job.photo, run.engine->thread_pool());
    facts.times.decode = watch.lap();
    outputs_ = std::make_unique<PhotoOutputs>(run.facts, run.outputs, std::move(facts));
    targets_ = outputs_->claim({.queries = run.bank->queries(), .height = picture_.height, .width = picture_.width});
  }
  PhotoRequest request() const { return {.photo = picture_.view(), .logits = targets_.logits}; }
  const std::string& name() const { return name_; }

  SegmentedPhoto write(Segmentation segmentation) {
    outputs_->write(picture_.view(), run_.bank->classes(), segmentation, run_.engine->thread_pool());
    return {.width = picture_.width,
            .height = picture_.height,
            .windows = segmentation.windows,
            .classes = std::move(segmentation.classes),
            .facts = outputs_->facts()};
  }

 private:
  const SegmentRun& run_;
  std::string name_;
  Image picture_;
  std::unique_ptr<PhotoOutputs> outputs_;
  OutputTargets targets_;
};

// The session knows pixels, not files: its errors get the photo's name here.
Segmentation segment_one(Session& session, const SegmentRun& run, const OpenPhoto& photo) {
  try {
    const PhotoRequest request = photo.request();
    return std::move(session.segment({&request, 1}, *run.bank, run.facts.options)[0]);
  } catch (const Error& error) {
    fail(error.code(), photo.name(), ": ", error.what());
  }
}

// Calls body, whose error becomes the outcome's.
template <typename Body>
void attempt(PhotoOutcome& outcome, const std::string& name, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    outcome.error = error.what();
  } catch (const std::exception& error) {
    outcome.error = name + ": " + error.what();
  }
}

}  // namespace

SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job) {
  OpenPhoto photo(run, job);
  return photo.write(segment_one(session, run, photo));
}

std::vector<PhotoOutcome> segment_photos(Session& session, const SegmentRun& run, std::span<const PhotoJob> jobs) {
  std::vector<PhotoOutcome> outcomes(jobs.size());
  std::vector<std::unique_ptr<OpenPhoto>> open(jobs.size());
  std::vector<size_t> opened;
  std::vector<PhotoRequest> requests;
  for (size_t i = 0; i < jobs.size(); ++i) {
    attempt(outcomes[i], jobs[i].photo.string(), [&] {
      open[i] = std::make_unique<OpenPhoto>(run, jobs[i]);
      requests.push_back(open[i]->request());
      opened.push_back(i);
    });
  }
  std::vector<Segmentation> together;
  try {
    together = session.segment(requests, *run.bank, run.facts.options);
  } catch (const std::exception&) {
    // One of them cannot be segmented: each by itself tells which, and why.
  }
  for (size_t n = 0; n < opened.size(); ++n) {
    const size_t i = opened[n];
    attempt(outcomes[i], open[i]->name(), [&] {
      outcomes[i].photo =
          open[i]->write(together.empty() ? segment_one(session, run, *open[i]) : std::move(together[n]));
    });
    open[i].reset();
  }
  return outcomes;
}

}  // namespace sclip
