// Progress of a run over many photos: a bar that stays in place on a terminal, a line per photo elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace sclip {

// "[######------] 12/40  3.1 photos/s  9 s left  name", at most `columns` wide.
std::string progress_bar(size_t done, size_t total, double photos_per_second, std::string_view name, int columns);

// Thread-safe.
class Progress {
 public:
  Progress(size_t total, bool terminal, bool quiet);
  ~Progress() { stop(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void start(size_t finished);  // by an earlier run
  void photo_done(std::string_view name, double seconds);
  void photo_failed(std::string_view error);  // `error` becomes a line of its own
  void message(std::string_view text);
  void stop();  // clears the bar

  size_t done() const;      // in this run
  size_t finished() const;  // in this one and before

 private:
  void clear();
  void draw(std::string_view name);

  mutable std::mutex mutex_;
  const size_t total_;
  const bool terminal_;
  const bool quiet_;
  size_t before_ = 0;
  size_t done_ = 0;
  size_t failed_ = 0;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// A bar for one long call, on a terminal; nothing where the call ends within a second. One thread.
class CallProgress {
 public:
  CallProgress(std::string name, bool shown) : name_(std::move(name)), shown_(shown) {}
  ~CallProgress();
  CallProgress(const CallProgress&) = delete;
  CallProgress& operator=(const CallProgress&) = delete;

  void report(double share);  // 0 … 1

 private:
  using Clock = std::chrono::steady_clock;
  const std::string name_;
  const bool shown_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = start_;
  bool visible_ = false;
};

}  // namespace sclip
