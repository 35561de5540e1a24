// Counters of one launch, and their sum per kernel. Deterministic for a deterministic kernel.
#pragma once
#include <cstdint>
#include <string>

#include "ptx/op_table.h"

namespace cudasim {

struct Counters {
  uint64_t by_class[unsigned(OpClass::kCount)] = {};
  uint64_t mma = 0;
  uint64_t divergent_branches = 0;
  // Global memory, per request (one warp instruction).
  uint64_t read_requests = 0, read_sectors = 0, write_requests = 0, write_sectors = 0;
  uint64_t atomic_requests = 0, atomic_sectors = 0;  // atom and red on global memory; neither reads nor writes above
  uint64_t shared_requests = 0, bank_conflict_cycles = 0;  // cycles beyond the first one per request
  uint64_t unique_bytes = 0;                               // of distinct 32-byte sectors touched
  void add(const Counters& o) {
    const uint64_t* from = reinterpret_cast<const uint64_t*>(&o);
    uint64_t* to = reinterpret_cast<uint64_t*>(this);
    for (unsigned i = 0; i < sizeof(Counters) / 8; ++i) to[i] += from[i];
  }
  uint64_t instructions() const {
    uint64_t n = 0;
    for (uint64_t c : by_class) n += c;
    return n;
  }
};

struct KernelStats {
  std::string kernel;
  uint64_t launches = 0;
  double seconds = 0;
  Counters counters;
  uint32_t block_threads = 0, shared_bytes = 0;
  int occupancy_blocks = 0;  // resident blocks per SM
};

}  // namespace cudasim
