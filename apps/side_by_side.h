// SideBySide: many jobs, each read, computed and finished, the three side by side, so that none waits for another.
//
// Some threads read and finish, whichever there is to do, finishing first; each session has a thread of its own and
// takes what has been read, up to four jobs in one call. So many jobs are open at a time that every thread has one and
// every session finds its next ones ready, and no more: memory does not grow with their number.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "sclip/session.h"

namespace sclip {

// How many threads read and finish beside so many sessions: at least 1.
int hands_for(const Engine& engine, int sessions);

// In one call of a session: windows of four photos fill the batches of a device, and every thread of a CPU.
inline constexpr size_t kPhotosAtOnce = 4;

template <typename Task>  // movable
class SideBySide {
 public:
  // What a job is made of. A job that fails keeps that in its task; what these throw ends the whole run.
  struct Steps {
    std::function<Task(size_t job)> read;
    std::function<void(Session&, std::vector<Task>&)> compute;
    std::function<void(Task)> finish;  // several at a time
  };

  // `sessions` ≥ 1.
  SideBySide(std::shared_ptr<const Engine> engine, int sessions, Steps steps)
      : engine_(std::move(engine)),
        steps_(std::move(steps)),
        sessions_(sessions),
        hands_(hands_for(*engine_, sessions)),
        most_open_(static_cast<size_t>(hands_) + kPhotosAtOnce * static_cast<size_t>(sessions)) {}

  // Jobs 0 … jobs − 1. Returns when every one is finished. Throws what the steps throw, and for a session that cannot
  // be made.
  void run(size_t jobs) {
    jobs_ = jobs;
    next_ = open_ = finished_ = 0;
    broken_ = nullptr;
    std::vector<std::thread> threads;
    for (int i = 0; i < sessions_; ++i) threads.emplace_back([this] { guarded([this] { compute(); }); });
    for (int i = 0; i < hands_; ++i) threads.emplace_back([this] { guarded([this] { read_and_finish(); }); });
    for (std::thread& thread : threads) thread.join();
    read_.clear();
    computed_.clear();
    if (broken_) std::rethrow_exception(broken_);
  }

 private:
  // A thread's body: its exception ends the run.
  template <typename Body>
  void guarded(const Body& body) {
    try {
      body();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!broken_) broken_ = std::current_exception();
      changed_.notify_all();
    }
  }

  void read_and_finish() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] {
        return broken_ || finished_ == jobs_ || !computed_.empty() || (next_ < jobs_ && open_ < most_open_);
      });
      if (broken_ || finished_ == jobs_) return;
      if (!computed_.empty()) {
        Task task = std::move(computed_.front());
        computed_.pop_front();
        lock.unlock();
        steps_.finish(std::move(task));
        lock.lock();
        --open_;
        ++finished_;
      } else {
        const size_t job = next_++;
        ++open_;
        lock.unlock();
        Task task = steps_.read(job);
        lock.lock();
        read_.push_back(std::move(task));
      }
      changed_.notify_all();
    }
  }

  void compute() {
    Session session(engine_);
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return broken_ || finished_ == jobs_ || !read_.empty(); });
      if (broken_ || finished_ == jobs_) return;
      std::vector<Task> tasks;
      for (; !read_.empty() && tasks.size() < kPhotosAtOnce; read_.pop_front()) {
        tasks.push_back(std::move(read_.front()));
      }
      lock.unlock();
      steps_.compute(session, tasks);
      lock.lock();
      for (Task& task : tasks) computed_.push_back(std::move(task));
      changed_.notify_all();
    }
  }

  std::shared_ptr<const Engine> engine_;
  Steps steps_;
  int sessions_;
  int hands_;         // threads that read and finish
  size_t most_open_;  // jobs

  // Of one call of `run`.
  size_t jobs_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = 0;      // the first job that nobody has taken
  size_t open_ = 0;      // jobs between their reading and their end
  size_t finished_ = 0;  // jobs
  std::deque<Task> read_, computed_;
  std::exception_ptr broken_;
};

}  // namespace sclip
