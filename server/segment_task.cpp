#include "server/segment_task.h"

#include <algorithm>
#include <cmath>

#include "core/stopwatch.h"
#include "server/http/http_error.h"

namespace sclip {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// Of a job that is given up, the request says why.
void compute(Service& service, const RequestPatience& patience, const std::shared_ptr<BatchJob>& job,
             HttpResponse::Notes& notes) {
  job->stop = patience.token();
  try {
    service.batcher().compute(job);
  } catch (...) {
    patience.check();
    throw;
  }
  notes.windows = job->windows;
  notes.batch_windows = job->batch_windows;
  notes.queue_seconds = job->queue_seconds;
  notes.compute_seconds = job->encode_seconds + job->run_seconds;
}

// What a segmentation's results take, and what their encoding does.
int64_t result_bytes(int64_t pixels, const SegmentTask& task) {
  constexpr int64_t kLabels = 2, kScores = 4, kEncoded = 4;
  return pixels * (kLabels + kEncoded + (task.scores ? 2 * kScores : 0) +
                   (task.logits ? 2 * task.bank->queries() * kScores : 0));
}

void check_answer(const Service& service, int width, int height, const SegmentTask& task) {
  const auto kept = [&](int64_t side) { return (side + task.logits_step - 1) / task.logits_step; };
  const int64_t bytes = kept(width) * kept(height) * task.bank->queries() * int64_t{sizeof(float)};
  if (!task.logits || bytes <= service.options().max_answer_bytes) return;
  throw HttpError(413, "too_large",
                  str("the logits of this photo would be ", bytes >> 20, " MB; an answer may have ",
                      service.options().max_answer_bytes >> 20,
                      " (--max-answer-mb): ask for fewer words, a smaller "
                      "photo or a larger logits_step"));
}

// Of planes (K, height, width), every step-th row and column, in place.
void thin_out(std::vector<float>& planes, int64_t height, int64_t width, int64_t step) {
  if (step == 1 || planes.empty()) return;
  const int64_t rows = static_cast<int64_t>(planes.size()) / width;
  size_t kept = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (row % height % step != 0) continue;
    for (int64_t x = 0; x < width; x += step) planes[kept++] = planes[static_cast<size_t>(row * width + x)];
  }
  planes.resize(kept);
}

// What a job on a worker's thread shares with the request that may have left it.
struct SegmentWork {
  SegmentTask task;
  Segmentation segmentation;
  std::vector<float> logits;
};

}  // namespace

PictureFile SentPhoto::open(std::string_view bytes, const std::string& name, bool salvage) {
  try {
    return PictureFile(bytes_of(bytes), name, {.salvage = salvage});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kUnsupported) throw HttpError(415, "unsupported_photo", error.what());
    throw;
  }
}

SentPhoto::SentPhoto(const Service& service, std::string_view bytes, const std::string& name, bool salvage)
    : name_(name.empty() ? "the photo" : name),
      bytes_(static_cast<int64_t>(bytes.size())),
      file_(open(bytes, name_, salvage)) {
  const int64_t most = service.options().max_pixels;
  if (pixels() > most) {
    throw HttpError(413, "too_large",
                    str("the photo has ", width(), "×", height(), " = ", pixels(), " pixels; a photo may have ", most,
                        " (--max-pixels)"));
  }
}

std::shared_ptr<const Image> SentPhoto::decode(Service& service, const RequestPatience& patience, PhotoFacts& facts) {
  const HandHold hand(service, patience);
  Stopwatch watch;
  auto photo = std::make_shared<const Image>(file_.load(service.engine().thread_pool()));
  facts.path = name_;
  facts.identity.bytes = bytes_;
  facts.geo = file_.geo();
  if (const std::string damage = file_.damage(); !damage.empty()) facts.warnings.push_back(damage);
  facts.times.decode = watch.lap();
  service.metrics().stage("decode", facts.times.decode);
  return photo;
}

int64_t cost_of(const Service& service, int width, int height, const SegmentOptions& options) {
  const ModelConfig& model = service.engine().config();
  const WindowLayout layout = window_layout(width, height, options, model);
  WindowLayout usual;
  usual.grid_w = usual.grid_h = model.vision.grid();
  const double each = std::max(1.0, window_flops(layout, model) / window_flops(usual, model));
  const double cost = std::ceil(layout.windows() * each);
  const int64_t most = service.options().max_windows;
  if (cost > static_cast<double>(most)) {
    throw HttpError(
        413, "too_much_work",
        str("the photo of ", width, "×", height, " pixels is read in ", layout.windows(), " windows of ",
            layout.window_width, "×", layout.window_height, ", which is the work of ", static_cast<int64_t>(cost),
            " usual ones; a request may have ", most, " (--max-windows): use a smaller short_side or a larger stride"));
  }
  return static_cast<int64_t>(cost);
}

HandHold::HandHold(Service& service, const RequestPatience& patience) : service_(service) {
  while (!service_.hands().try_acquire_for(std::chrono::milliseconds(20))) patience.check();
}

HandHold::~HandHold() {
  service_.hands().release();
}

SegmentDone segment_photo(Service& service, HttpRequest& request, const RequestPatience& patience, SentPhoto& photo,
                          const SegmentTask& task) {
  check_answer(service, photo.width(), photo.height(), task);
  SegmentDone done;
  const auto work = std::make_shared<SegmentWork>(SegmentWork{.task = task, .segmentation = {}, .logits = {}});
  const auto job = std::make_shared<BatchJob>();
  job->windows = cost_of(service, photo.width(), photo.height(), task.options);
  {
    const Batcher::Place place = service.batcher().admit(job->windows, patience.seconds_left());
    request.memory.grow(3 * photo.pixels() + result_bytes(photo.pixels(), task));
    done.photo = photo.decode(service, patience, done.facts);
    if (task.logits) work->logits.resize(static_cast<size_t>(task.bank->queries() * photo.pixels()));
    job->photo = done.photo;
    if (service.reads_ahead(task.options)) {
      job->reads = reading_options(task.options);
      job->stage = "merge";
    }
    const auto segment = [work, picture = done.photo](Session& session, const RunControl& control,
                                                      std::shared_ptr<const PhotoFeatures> features) {
      const SegmentTask& t = work->task;
      PhotoRequest wanted{.with_scores = t.scores, .logits = work->logits};
      if (features != nullptr) {
        work->segmentation = session.segment(*features, *t.bank, t.options, wanted);
        return;
      }
      wanted.photo = picture->view();
      work->segmentation = std::move(session.segment({&wanted, 1}, *t.bank, t.options, control)[0]);
    };
    job->run = segment;
    try {
      compute(service, patience, job, done.notes);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported || !job->reads) throw;
      // A policy that looks at the words: by itself, and so from the beginning for the next ones.
      const auto alone = std::make_shared<BatchJob>();
      alone->windows = job->windows;
      alone->photo = job->photo;
      alone->run = segment;
      compute(service, patience, alone, done.notes);
      service.read_alone(task.options);
    }
  }
  done.segmentation = std::move(work->segmentation);
  done.logits = std::move(work->logits);
  done.logits_step = task.logits_step;
  thin_out(done.logits, photo.height(), photo.width(), task.logits_step);
  const StageTimes& t = done.segmentation.times;
  done.facts.times.resize = t.resize;
  done.facts.times.encode = t.encode + job->encode_seconds;
  done.facts.times.merge = t.merge;
  return done;
}

SegmentDone segment_features(Service& service, HttpRequest& request, const RequestPatience& patience,
                             const KeptPhoto& kept, const SegmentTask& task) {
  const int64_t pixels = int64_t{kept.features->width()} * kept.features->height();
  check_answer(service, kept.features->width(), kept.features->height(), task);
  SegmentDone done;
  done.facts.path = kept.file_name;
  done.facts.identity.bytes = kept.file_bytes;
  const auto work = std::make_shared<SegmentWork>(SegmentWork{.task = task, .segmentation = {}, .logits = {}});
  const auto job = std::make_shared<BatchJob>();
  job->stage = "merge";
  const Batcher::Place place = service.batcher().admit(job->windows, patience.seconds_left());
  request.memory.grow(result_bytes(pixels, task));
  if (task.logits) work->logits.resize(static_cast<size_t>(task.bank->queries() * pixels));
  job->run = [work, features = kept.features](Session& session, const RunControl&,
                                              const std::shared_ptr<const PhotoFeatures>&) {
    const SegmentTask& t = work->task;
    work->segmentation =
        session.segment(*features, *t.bank, t.options, {.with_scores = t.scores, .logits = work->logits});
  };
  compute(service, patience, job, done.notes);
  done.segmentation = std::move(work->segmentation);
  done.logits = std::move(work->logits);
  done.logits_step = task.logits_step;
  thin_out(done.logits, kept.features->height(), kept.features->width(), task.logits_step);
  done.facts.times.merge = done.segmentation.times.merge;
  return done;
}

std::shared_ptr<const KeptPhoto> read_photo(Service& service, HttpRequest& request, const RequestPatience& patience,
                                            SentPhoto& photo, KeptPhoto kept, HttpResponse::Notes& notes) {
  struct Found {
    std::shared_ptr<const PhotoFeatures> features;
  };
  const auto found = std::make_shared<Found>();
  const auto job = std::make_shared<BatchJob>();
  job->windows = cost_of(service, photo.width(), photo.height(), kept.options);
  {
    const Batcher::Place place = service.batcher().admit(job->windows, patience.seconds_left());
    request.memory.grow(3 * photo.pixels());
    PhotoFacts facts;
    job->photo = photo.decode(service, patience, facts);
    job->reads = reading_options(kept.options);
    job->stage = "merge";
    job->run = [found](Session&, const RunControl&, std::shared_ptr<const PhotoFeatures> features) {
      found->features = std::move(features);
    };
    compute(service, patience, job, notes);
  }
  kept.file_name = photo.name();
  kept.file_bytes = photo.bytes();
  kept.features = std::move(found->features);
  return service.features().add(std::move(kept));
}

std::vector<float> with_session(Service& service, const RequestPatience& patience, std::shared_ptr<const Image> photo,
                                int64_t windows, std::function<std::vector<float>(Session&, const RunControl&)> call,
                                HttpResponse::Notes& notes) {
  const auto values = std::make_shared<std::vector<float>>();
  const auto job = std::make_shared<BatchJob>();
  job->windows = windows;
  job->photo = std::move(photo);
  if (job->photo == nullptr) job->stage = "text_bank";
  job->run = [values, call = std::move(call)](Session& session, const RunControl& control,
                                              const std::shared_ptr<const PhotoFeatures>&) {
    *values = call(session, control);
  };
  compute(service, patience, job, notes);
  return std::move(*values);
}

}  // namespace sclip
