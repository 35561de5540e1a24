// RequestWatch: gives requests up whose time is over, or whose client is gone. A thread looks at all of them; what
// computes for a request looks at its stop token.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace sclip {

class RequestPatience;

class RequestWatch {
 public:
  // `given_up` hears of each, on the watching thread.
  explicit RequestWatch(std::function<void(bool at_deadline)> given_up);
  ~RequestWatch();
  RequestWatch(const RequestWatch&) = delete;
  RequestWatch& operator=(const RequestWatch&) = delete;

 private:
  friend class RequestPatience;
  void run();

  const std::function<void(bool)> given_up_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<RequestPatience*> requests_;
  bool stopping_ = false;
  std::thread thread_;
};

// One request's patience, looked at from its beginning to its end.
class RequestPatience {
 public:
  using Clock = std::chrono::steady_clock;
  RequestPatience(RequestWatch& watch, Clock::time_point deadline, std::function<bool()> peer_gone);
  ~RequestPatience();
  RequestPatience(const RequestPatience&) = delete;
  RequestPatience& operator=(const RequestPatience&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  Clock::time_point deadline() const { return deadline_; }
  double seconds_left() const { return std::chrono::duration<double>(deadline_ - Clock::now()).count(); }

  // Throws HttpError when the request was given up: 504 at its deadline, 499 without a client.
  void check() const;

 private:
  friend class RequestWatch;
  enum class End : uint8_t { kNone, kDeadline, kGone };
  void look();

  RequestWatch& watch_;
  const Clock::time_point deadline_;
  const std::function<bool()> peer_gone_;
  std::stop_source source_;
  std::atomic<End> end_{End::kNone};
};

}  // namespace sclip
