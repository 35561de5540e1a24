#include "apps/segment_photo.h"

#include <exception>

#include "core/file.h"
#include "core/stopwatch.h"
#include "io/image_decode.h"
#include "results/photo_outputs.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr size_t kMostInputBytes = size_t{4} << 30;  // of a picture from standard input

// A photo on its way: what is decoded, and the outputs that wait for it.
class OpenPhoto {
 public:
  OpenPhoto(const SegmentRun& run, const PhotoJob& job) : run_(run), name_(job.photo.string()) {
    PhotoFacts facts{.path = job.photo, .identity = {}, .place = job.place};
    Stopwatch watch;
    if (job.photo == kStandardInput) {
      name_ = "standard input";
      const std::vector<std::byte> bytes = read_standard_input(kMostInputBytes);
      facts.identity.bytes = static_cast<int64_t>(bytes.size());
      watch.lap();  // whoever writes to the pipe is waited for
      picture_ = decode_image(bytes, name_, run.engine->thread_pool());
    } else {
      facts.identity = identify_file(job.photo);
      picture_ = load_image(job.photo, run.engine->thread_pool());
    }
    facts.times.decode = watch.lap();
    outputs_ = std::make_unique<PhotoOutputs>(run.facts, run.outputs, run.guard, std::move(facts));
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

// What body returns, or its error.
template <typename Body>
PhotoOutcome attempt(const PhotoJob& job, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    return {.photo = std::nullopt, .error = error.what()};
  } catch (const std::exception& error) {
    return {.photo = std::nullopt, .error = job.photo.string() + ": " + error.what()};
  }
}

}  // namespace

SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job) {
  OpenPhoto photo(run, job);
  return photo.write(segment_one(session, run, photo));
}

void segment_photos(Session& session, const SegmentRun& run, std::span<const PhotoJob> jobs, const OnPhoto& each) {
  std::vector<std::unique_ptr<OpenPhoto>> open(jobs.size());
  std::vector<PhotoRequest> requests;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const PhotoOutcome outcome = attempt(jobs[i], [&]() -> PhotoOutcome {
      open[i] = std::make_unique<OpenPhoto>(run, jobs[i]);
      requests.push_back(open[i]->request());
      return {};
    });
    if (open[i] == nullptr) each(jobs[i], outcome);
  }
  std::vector<Segmentation> together;
  try {
    together = session.segment(requests, *run.bank, run.facts.options);
  } catch (const std::exception&) {
    // One of them cannot be segmented: each by itself tells which, and why.
  }
  size_t next = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (open[i] == nullptr) continue;
    Segmentation* found = together.empty() ? nullptr : &together[next++];
    each(jobs[i], attempt(jobs[i], [&]() -> PhotoOutcome {
           return {.photo = open[i]->write(found != nullptr ? std::move(*found) : segment_one(session, run, *open[i])),
                   .error = {}};
         }));
    open[i].reset();
  }
}

}  // namespace sclip
