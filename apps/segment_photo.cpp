#include "apps/segment_photo.h"

#include <string_view>

#include "core/file.h"
#include "core/stopwatch.h"
#include "sclip/error.h"

namespace sclip {
namespace {

bool is_large(const PictureFile& file) {
  return int64_t{file.width()} * file.height() > kLargePhotoPixels;
}

}  // namespace

// The rows of a large photo on their way to the session, with a preview made as they pass.
class OpenPhoto::PassingRows final : public PhotoRows {
 public:
  PassingRows(PictureFile& file, Preview& preview) : file_(file), preview_(preview) {}
  int width() const override { return file_.width(); }
  int height() const override { return file_.height(); }
  void read(uint8_t* rgb, int64_t count) override {
    file_.read(rgb, count);
    preview_.add(rgb, count);
  }

 private:
  PictureFile& file_;
  Preview& preview_;
};

OpenPhoto::OpenPhoto(const SegmentRun& run, const PhotoJob& job) : run_(run), name_(job.photo.string()) {
  PhotoFacts facts{.path = job.photo, .identity = {}, .place = job.place};
  Stopwatch watch;
  if (job.photo == kStandardInput) {
    name_ = "standard input";
    input_ = read_standard_input(kMostInputBytes);
    facts.identity.bytes = static_cast<int64_t>(input_.size());
    watch.lap();  // whoever writes to the pipe is waited for
    file_ = std::make_unique<PictureFile>(input_, name_, run.picture.decode_options());
  } else {
    facts.identity = identify_file(job.photo);
    file_ = std::make_unique<PictureFile>(job.photo, run.picture.decode_options());
  }
  facts.geo = file_->geo();
  const int width = file_->width(), height = file_->height();
  // An overlay of exactly the photo's size needs all of its pixels.
  if (is_large(*file_) && run.facts.overlay_size == OverlaySize::kWithLegend)
    preview_ = std::make_unique<Preview>(width, height);
  if (preview_ && file_->row_by_row()) {
    rows_ = std::make_unique<PassingRows>(*file_, *preview_);
  } else {
    picture_ = file_->load(run.engine->thread_pool());
    if (preview_) preview_->add(picture_.rgb.data(), picture_.height);
    warning_ = damage_warning(*file_);
    file_.reset();
    input_ = {};
  }
  facts.times.decode = watch.lap();
  outputs_ = std::make_unique<PhotoOutputs>(run.facts, run.outputs, run.guard, std::move(facts));
  targets_ = outputs_->claim({.queries = run.bank->queries(), .height = height, .width = width});
}

OpenPhoto::~OpenPhoto() = default;

bool OpenPhoto::passes() const {
  return rows_ != nullptr;
}

PhotoRequest OpenPhoto::request() const {
  return {.photo = picture_.view(),
          .rows = rows_.get(),
          .with_scores = contains(run_.outputs, "scores"),
          .logits = targets_.logits};
}

SegmentedPhoto OpenPhoto::write(Segmentation segmentation) {
  if (file_) warning_ = damage_warning(*file_);
  if (!warning_.empty()) outputs_->warn(warning_);
  outputs_->write(preview_ ? preview_->image().view() : picture_.view(), run_.bank->classes(), segmentation,
                  run_.engine->thread_pool());
  return {.width = segmentation.width,
          .height = segmentation.height,
          .windows = segmentation.windows,
          .classes = std::move(segmentation.classes),
          .ignored = segmentation.ignored,
          .facts = outputs_->facts()};
}

Segmentation segment_one(Session& session, const SegmentRun& run, const OpenPhoto& photo, const RunControl& control) {
  try {
    const PhotoRequest request = photo.request();
    return std::move(session.segment({&request, 1}, *run.bank, run.facts.options, control)[0]);
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with("cannot decode ")) throw;
    fail(error.code(), photo.name(), ": ", error.what());
  }
}

SegmentedPhoto segment_photo(Session& session, const SegmentRun& run, const PhotoJob& job, const RunControl& control) {
  OpenPhoto photo(run, job);
  return photo.write(segment_one(session, run, photo, control));
}

}  // namespace sclip
