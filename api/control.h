// The caller's callbacks as the engine's RunControl.
#pragma once

#include <stop_token>

#include "sclip/run_control.h"
#include "sclip/sclip.h"

namespace sclip::api {

inline constexpr size_t kFirstControlSize = sizeof(sclip_control);

// Lives as long as the call. should_stop is asked where progress is told: both on the thread of the call.
class Control {
 public:
  explicit Control(const sclip_control* given);
  const RunControl& run() const { return run_; }

 private:
  sclip_control control_;
  std::stop_source source_{std::nostopstate};
  RunControl run_;
};

}  // namespace sclip::api
