// A photo's segmentation as a service does it: admitted, decoded, computed in company.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/image.h"
#include "io/picture_file.h"
#include "results/run_facts.h"
#include "sclip/run_plan.h"
#include "server/feature_store.h"
#include "server/http/message.h"
#include "server/request_watch.h"
#include "server/service.h"

namespace sclip {

// What of a photo stands in its header, within the service's limits.
class SentPhoto {
 public:
  // `bytes` outlive the object. Throws HttpError 415 for what is no picture, 400 for a damaged one, 413 for one that is
  // too large.
  SentPhoto(const Service& service, std::string_view bytes, const std::string& name, bool salvage);

  int width() const { return file_.width(); }
  int height() const { return file_.height(); }
  int64_t pixels() const { return int64_t{width()} * height(); }
  const std::string& name() const { return name_; }
  int64_t bytes() const { return bytes_; }

  // Once.
  std::shared_ptr<const Image> decode(Service& service, const RequestPatience& patience, PhotoFacts& facts);

 private:
  static PictureFile open(std::string_view bytes, const std::string& name, bool salvage);

  std::string name_;
  int64_t bytes_;
  PictureFile file_;
};

// Windows, each counted by its work against one of the model's own size. Throws HttpError 413 beyond the service's
// limit.
int64_t cost_of(const Service& service, int width, int height, const SegmentOptions& options);

// Holds one of the service's hands, which decode and encode.
class HandHold {
 public:
  HandHold(Service& service, const RequestPatience& patience);
  ~HandHold();
  HandHold(const HandHold&) = delete;
  HandHold& operator=(const HandHold&) = delete;

 private:
  Service& service_;
};

struct SegmentTask {
  SegmentOptions options;
  std::shared_ptr<const TextBank> bank;
  bool scores = false, logits = false;
  int logits_step = 1;  // of rows and columns that are kept
};

struct SegmentDone {
  std::shared_ptr<const Image> photo;  // null where features were asked
  Segmentation segmentation;
  std::vector<float> logits;  // (K, ⌈H0/step⌉, ⌈W0/step⌉), or empty
  int logits_step = 1;
  PhotoFacts facts;
  HttpResponse::Notes notes;
};

SegmentDone segment_photo(Service& service, HttpRequest& request, const RequestPatience& patience, SentPhoto& photo,
                          const SegmentTask& task);
SegmentDone segment_features(Service& service, HttpRequest& request, const RequestPatience& patience,
                             const KeptPhoto& kept, const SegmentTask& task);
// What `kept` lacks but the id and the features.
std::shared_ptr<const KeptPhoto> read_photo(Service& service, HttpRequest& request, const RequestPatience& patience,
                                            SentPhoto& photo, KeptPhoto kept, HttpResponse::Notes& notes);
// What `call` returns: with a session, in its turn. It may outlive the request: what it needs, it holds. The caller has
// a place in the queue.
std::vector<float> with_session(Service& service, const RequestPatience& patience, std::shared_ptr<const Image> photo,
                                int64_t windows, std::function<std::vector<float>(Session&, const RunControl&)> call,
                                HttpResponse::Notes& notes);

}  // namespace sclip
