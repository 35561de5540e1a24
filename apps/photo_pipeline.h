// PhotoPipeline: many photos, read, computed and written side by side, so that none of the three waits for another.
//
// Some threads decode photos and encode results, whichever there is to do, results first; each session has a thread of
// its own and takes what has been decoded, up to four photos in one call. So many photos are open at a time that every
// thread has one and every session finds its next ones ready, and no more: memory does not grow with the folder.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/segment_photo.h"

namespace sclip {

struct PhotoOutcome {
  std::optional<SegmentedPhoto> photo;
  std::string error;  // a sentence that names the photo, where there is none
};

class PhotoPipeline {
 public:
  // `sessions` ≥ 1. `run` outlives the object.
  PhotoPipeline(const SegmentRun& run, int sessions);

  // Returns when every photo is written or has failed; one that fails takes no other with it. `each` hears of a photo
  // as soon as that is known, from any thread, one call at a time. Throws what `each` throws, and what ends a whole
  // run: a session that cannot be made.
  using OnPhoto = std::function<void(const PhotoJob&, const PhotoOutcome&)>;
  void process(std::span<const PhotoJob> jobs, const OnPhoto& each);

 private:
  struct Task {
    const PhotoJob* job = nullptr;
    std::unique_ptr<OpenPhoto> photo;
    std::optional<Segmentation> segmentation;
    std::string error;
  };

  void read_and_write();
  void compute();
  void open(const PhotoJob& job);
  void write(Task task);
  void segment(Session& session, std::vector<Task>& tasks);
  void report(const PhotoJob& job, PhotoOutcome outcome);
  template <typename Body>
  void guarded(const Body& body);  // a thread's body: its exception ends the run

  const SegmentRun& run_;
  int sessions_;
  int hands_;         // threads that read and write
  size_t most_open_;  // photos

  // Of one call of `process`.
  std::span<const PhotoJob> jobs_;
  const OnPhoto* each_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = 0;      // the first job that nobody has taken
  size_t open_ = 0;      // photos between their reading and their end
  size_t finished_ = 0;  // jobs reported
  std::deque<Task> decoded_, computed_;
  std::exception_ptr broken_;
  std::mutex report_mutex_;
};

}  // namespace sclip
