// RunControl: how the caller of a long call stops it, and hears how far it is.
#pragma once

#include <functional>
#include <stop_token>

#include "sclip/error.h"

namespace sclip {

struct RunControl {
  std::stop_token stop{};  // looked at between steps; never asks when default-made
  std::function<void(double done_share)>
      progress;  // 0 … 1, never falling, 1 at the end; on the caller's thread; or none

  // Throws kCancelled once a stop was requested.
  void check() const {
    SCLIP_CHECK(!stop.stop_requested(), kCancelled, "cancelled: a stop was requested, and what was begun is dropped");
  }
  void report(double done_share) const {
    if (progress) progress(done_share);
  }
};

}  // namespace sclip
