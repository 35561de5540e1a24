#include "apps/progress.h"

#include <algorithm>
#include <cstdio>

#include "apps/console.h"
#include "apps/table.h"
#include "core/utf8.h"
#include "sclip/error.h"

namespace sclip {
namespace {

void write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string progress_bar(size_t done, size_t total, double photos_per_second, std::string_view name, int columns) {
  constexpr size_t kWidth = 24;
  const size_t filled = total == 0 ? kWidth : done * kWidth / total;
  std::string line = str("[", std::string(filled, '#'), std::string(kWidth - filled, '-'), "] ", done, "/", total);
  if (photos_per_second > 0) {
    line += str("  ", fixed(photos_per_second, photos_per_second < 10 ? 1 : 0), " photos/s");
    const double left = static_cast<double>(total - done) / photos_per_second;
    if (done < total)
      line += left < 90 ? str("  ", fixed(left, 0), " s left") : str("  ", fixed(left / 60, 0), " min left");
  }
  const size_t limit = static_cast<size_t>(std::max(columns - 1, 0));  // the last column would wrap
  if (!name.empty() && line.size() + 6 < limit)
    line += str("  ", shorten_utf8_front(one_line(name), limit - line.size() - 5));
  if (line.size() > limit && limit >= 4) line = shorten_utf8(line, limit - 3);
  return line;
}

Progress::Progress(size_t total, bool terminal, bool quiet) : total_(total), terminal_(terminal), quiet_(quiet) {}

void Progress::start(size_t finished) {
  const std::lock_guard<std::mutex> lock(mutex_);
  before_ = finished;
  start_ = std::chrono::steady_clock::now();
  if (terminal_ && !quiet_) draw("");
}

void Progress::photo_done(std::string_view name, double seconds) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++done_;
  if (quiet_) return;
  if (terminal_) {
    draw(name);
  } else {
    write(str("[", before_ + done_ + failed_, "/", total_, "] ", one_line(name), ": ", fixed(seconds, 2), " s\n"));
  }
}

void Progress::photo_failed(std::string_view error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++failed_;
  clear();
  print_message(error);
  if (terminal_ && !quiet_) draw("");
}

void Progress::message(std::string_view text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  clear();
  print_message(text);
}

void Progress::stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  clear();
}

size_t Progress::done() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return done_;
}

size_t Progress::finished() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return before_ + done_;
}

void Progress::clear() {
  if (drawn_) write("\r\x1b[K");
  drawn_ = false;
}

void Progress::draw(std::string_view name) {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  const double rate = done_ == 0 ? 0 : static_cast<double>(done_) / std::max(elapsed.count(), 1e-3);
  write(str("\r\x1b[K", progress_bar(before_ + done_ + failed_, total_, rate, name, terminal_columns())));
  drawn_ = true;
}

CallProgress::~CallProgress() {
  if (visible_) write("\r\x1b[K");
}

void CallProgress::report(double share) {
  constexpr std::chrono::milliseconds kQuiet{1000}, kBetween{100};
  const auto now = Clock::now();
  if (!shown_ || now - start_ < kQuiet || now - drawn_ < kBetween) return;
  drawn_ = now;
  visible_ = true;
  const auto percent_done = static_cast<size_t>(100 * share);
  write(str("\r\x1b[K", progress_bar(percent_done, 100, 0, name_, terminal_columns())));
}

}  // namespace sclip
