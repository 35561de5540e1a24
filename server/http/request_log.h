// RequestLog: a line of JSON for each request. Lines go to a file descriptor from a thread of their own: a full disk or
// a reader that hangs costs lines, which are counted, and never a request.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <thread>

namespace sclip {

class RequestLog {
 public:
  // -1: nothing is written.
  explicit RequestLog(int fd);
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  // `fields` is an object; time, level and event come before them.
  void line(std::string_view level, std::string_view event, const nlohmann::ordered_json& fields);
  int64_t lost() const { return lost_; }

 private:
  void write_lines();
  bool write_whole(const std::string& text);

  const int fd_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::string> lines_;
  bool stopping_ = false;
  std::atomic<int64_t> lost_{0};
  std::thread thread_;
};

}  // namespace sclip
