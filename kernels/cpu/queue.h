// CpuQueue: what a CPU kernel runs on besides its arguments: the backend's threads, and memory that its stream keeps.
#pragma once

#include <cstddef>
#include <vector>

#include "core/buffer.h"
#include "core/thread_pool.h"

namespace sclip {

// Between buffers that a kernel reads and writes side by side. Large allocations, and buffers of whole KiB cut out of
// one, begin at the same place of a page, where a load waits for a store that only looks like its own: 6 to 8 % of
// attention.
constexpr size_t kPageSkew = 832;

// Memory of one stream for whatever its kernels hold during a call; grows to the largest request and then stays.
class CpuScratch {
 public:
  // At least `bytes`, on a 64-byte boundary, for the whole call; what it held is lost when it grows.
  std::byte* shared(size_t bytes) {
    shared_.resize_discard(bytes);
    return shared_.data();
  }
  // At least `bytes` for each of `workers`, before the loop they work in; then each its own.
  void reserve_workers(int workers, size_t bytes) {
    if (workers_.size() < static_cast<size_t>(workers)) workers_.resize(static_cast<size_t>(workers));
    for (int w = 0; w < workers; ++w) workers_[static_cast<size_t>(w)].resize_discard(kPageSkew + bytes);
  }
  std::byte* worker(int worker) { return workers_[static_cast<size_t>(worker)].data() + kPageSkew; }
  // Gives all of it back.
  void trim() { *this = CpuScratch(); }

 private:
  AlignedBuffer<std::byte> shared_;
  std::vector<AlignedBuffer<std::byte>> workers_;
};

// Two pointers, passed by value. Both outlive the call; a queue serves one call at a time.
struct CpuQueue {
  ThreadPool* pool = nullptr;
  CpuScratch* scratch = nullptr;
};

}  // namespace sclip
