// --timeout: stops a kernel that runs longer.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "sim/launch.h"

namespace cudasim {

class Watchdog {
 public:
  explicit Watchdog(Launch& launch);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace cudasim
