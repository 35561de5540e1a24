// How long a call on a stream takes.
#pragma once

#include <functional>
#include <vector>

#include "backends/backend.h"

namespace sclip {

// Seconds of a call, one value a round. In a round calls are queued back to back, so that on a device the time of a
// launch hides behind the kernel before it; as many as take about two milliseconds, so that waiting for the last one
// does not count.
std::vector<double> seconds_of(Stream& stream, const std::function<void()>& call, int rounds);

double median_seconds(Stream& stream, const std::function<void()>& call, int rounds);

}  // namespace sclip
