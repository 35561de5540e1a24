#include "apps/side_by_side.h"

#include <algorithm>

#include "core/thread_pool.h"

namespace sclip {

// A device leaves the processor's threads to reading and finishing. On a CPU they compute, and two more are enough to
// have the next photo ready and the last one written; the others would only hold memory.
int hands_for(const Engine& engine, int sessions) {
  const int threads = engine.thread_pool().threads();
  return engine.device().name == "cpu" ? std::min(threads, sessions + 1) : std::max(2, threads);
}

}  // namespace sclip
