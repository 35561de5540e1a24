#include "apps/segment_photo.h"

#include "core/file.h"
#include "core/stopwatch.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr size_t kMostInputBytes = size_t{4} << 30;  // of a picture from standard input

}  // namespace

OpenPhoto::OpenPhoto(const SegmentRun& run, const PhotoJob& job) : run_(run), name_(job.photo.string()) {
  PhotoFacts facts{.path = job.photo, .identity = {}, .place = job.place};
  Stopwatch watch;
  std::string warning;
  if (job.photo == kStandardInput) {
    name_ = "standard input";
    const std::vector<std::byte> bytes = read_standard_input(kMostInputBytes);
    facts.identity.bytes = static_cast<int64_t>(bytes.size());
    watch.lap();  // whoever writes to the pipe is waited for
    picture_ = run.picture.decode(bytes, name_, run.engine->thread_pool(), warning);
  } else {
    facts.identity = identify_file(job.photo);
    picture_ = run.picture.load(name_, run.engine->thread_pool(), warning);
  }
  if (!warning.empty()) facts.warnings.push_back(std::move(warning));
  facts.times.decode = watch.lap();
  outputs_ = std::make_unique<PhotoOutputs>(run.facts, run.outputs, run.guard, std::move(facts));
  targets_ = outputs_->claim({.queries = run.bank->queries(), .height = picture_.height, .width = picture_.width});
}

OpenPhoto::~OpenPhoto() = default;

SegmentedPhoto OpenPhoto::write(Segmentation segmentation) {
  outputs_->write(picture_.view(), run_.bank->classes(), segmentation, run_.engine->thread_pool());
  return {.width = picture_.width,
          .height = picture_.height,
          .windows = segmentation.windows,
          .classes = std::move(segmentation.classes),
          .ignored = segmentation.ignored,
          .facts = outputs_->facts()};
}

Segmentation segment_one(Session& session, const SegmentRun& run, const OpenPhoto& photo) {
  try {
    const PhotoRequest request = photo.request();
    return std::move(session.segment({&request, 1}, *run.bank, run.facts.options)[0]);
  } catch (const Error& error) {
    fail(error.code(), photo.name(), ": ", error.what());
  }
}

SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job) {
  OpenPhoto photo(run, job);
  return photo.write(segment_one(session, run, photo));
}

}  // namespace sclip
