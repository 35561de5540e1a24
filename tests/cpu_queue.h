// A queue for tests and benchmarks that call a CPU kernel without its backend.
#pragma once

#include <map>
#include <memory>

#include "kernels/cpu/queue.h"

namespace sclip::testing {

// On `threads` threads; 0: all that the process may use. Valid until the program ends.
inline CpuQueue cpu_queue(int threads = 0) {
  struct Owned {
    explicit Owned(int count) : pool(count) {}
    ThreadPool pool;
    CpuScratch scratch;
  };
  static std::map<int, std::unique_ptr<Owned>> queues;
  auto& slot = queues[threads];
  if (slot == nullptr) slot = std::make_unique<Owned>(threads > 0 ? threads : available_threads());
  return {&slot->pool, &slot->scratch};
}

}  // namespace sclip::testing
