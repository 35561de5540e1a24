#include "apps/photo_pipeline.h"

#include <utility>

#include "apps/side_by_side.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// What body throws, as a sentence about the photo; empty when it throws nothing.
template <typename Body>
std::string error_of(const PhotoJob& job, const Body& body) {
  try {
    body();
    return "";
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return job.photo.string() + ": " + error.what();
  }
}

}  // namespace

void PhotoPipeline::process(std::span<const PhotoJob> jobs, const OnPhoto& each) {
  std::mutex reporting;
  SideBySide<Task> work(run_.engine, sessions_,
                        {.read = [&](size_t job) { return open(jobs[job]); },
                         .compute = [&](Session& session, std::vector<Task>& tasks) { segment(session, tasks); },
                         .finish =
                             [&](Task task) {
                               const PhotoOutcome outcome = write(task);
                               const std::lock_guard lock(reporting);
                               each(*task.job, outcome);
                             }});
  work.run(jobs.size());
}

PhotoPipeline::Task PhotoPipeline::open(const PhotoJob& job) const {
  Task task;
  task.job = &job;
  task.error = error_of(job, [&] { task.photo = std::make_unique<OpenPhoto>(run_, job); });
  return task;
}

void PhotoPipeline::segment(Session& session, std::vector<Task>& tasks) const {
  std::vector<PhotoRequest> requests;
  std::vector<Task*> held;
  for (Task& task : tasks) {
    if (task.photo == nullptr || task.photo->passes()) continue;
    requests.push_back(task.photo->request());
    held.push_back(&task);
  }
  try {
    std::vector<Segmentation> together = session.segment(requests, *run_.bank, run_.facts.options);
    for (size_t i = 0; i < held.size(); ++i) held[i]->segmentation = std::move(together[i]);
  } catch (const std::exception&) {
    // One of them cannot be segmented: each by itself tells which, and why.
  }
  for (Task& task : tasks) {
    if (task.photo == nullptr || task.segmentation) continue;
    task.error = error_of(*task.job, [&] { task.segmentation = segment_one(session, run_, *task.photo); });
  }
}

PhotoOutcome PhotoPipeline::write(Task& task) const {
  PhotoOutcome outcome{.photo = std::nullopt, .error = std::move(task.error)};
  if (task.segmentation) {
    outcome.error = error_of(*task.job, [&] { outcome.photo = task.photo->write(std::move(*task.segmentation)); });
  }
  task.photo.reset();  // before another one is opened in its place
  return outcome;
}

}  // namespace sclip
