#include "runtime/watchdog.h"

#include <chrono>
#include <cstdlib>

namespace cudasim {

static double limit_seconds() {
  const char* text = std::getenv("CUDASIM_TIMEOUT");
  return text ? std::strtod(text, nullptr) : 0;
}

Watchdog::Watchdog(Launch& launch) {
  static const double seconds = limit_seconds();
  if (!(seconds > 0)) return;
  thread_ = std::thread([this, &launch] {
    std::unique_lock lock(mutex_);
    if (!ended_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return end_; })) launch.expired = true;
  });
}

Watchdog::~Watchdog() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

}  // namespace cudasim
