// CudaQueue: the stream that a kernel is launched on, and what its launcher must know of the device. No CUDA header, so
// that contracts can declare their launchers and tile choices are functions of plain numbers.
#pragma once

#include <cstddef>

struct CUstream_st;

namespace sclip {

// Passed by value. The device of the stream is the calling thread's current one when a launcher is called.
struct CudaQueue {
  CUstream_st* stream = nullptr;
  int architecture = 0;                // ten times the compute capability: 80, 86, 90, 120
  int multiprocessors = 0;             // that a grid should keep busy
  size_t shared_memory_per_block = 0;  // bytes that one block may ask for
};

}  // namespace sclip
