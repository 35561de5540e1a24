#include "server/http/request_log.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

namespace sclip {
namespace {

constexpr size_t kMostLines = 10'000;
constexpr int kPatienceMs = 1000;

std::string now() {
  const auto time = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[40];
  const size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + n, sizeof text - n, ".%03dZ", static_cast<int>(ms % 1000));
  return text;
}

}  // namespace

RequestLog::RequestLog(int fd) : fd_(fd) {
  if (fd_ >= 0) thread_ = std::thread([this] { write_lines(); });
}

RequestLog::~RequestLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void RequestLog::line(std::string_view level, std::string_view event, const nlohmann::ordered_json& fields) {
  if (fd_ < 0) return;
  nlohmann::ordered_json all = {{"time", now()}, {"level", level}, {"event", event}};
  all.update(fields);
  std::string text = all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex_);
  if (lines_.size() >= kMostLines) {
    ++lost_;
    return;
  }
  lines_.push_back(std::move(text));
  wake_.notify_one();
}

void RequestLog::write_lines() {
  for (;;) {
    std::string text;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !lines_.empty(); });
      if (lines_.empty()) return;
      text = std::move(lines_.front());
      lines_.pop_front();
    }
    if (!write_whole(text)) ++lost_;
  }
}

bool RequestLog::write_whole(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    pollfd entry{fd_, POLLOUT, 0};
    if (::poll(&entry, 1, kPatienceMs) == 0) return false;
    const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace sclip
