// How a kernel notes what is wrong with the contents of its inputs.
#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/window_merge/merge_fault.h"

namespace sclip::cuda {

__device__ __forceinline__ void note_fault(MergeFault* fault, MergeFault::Kind kind, int64_t index, uint32_t value) {
  if (fault == nullptr) return;
  const uint64_t code = uint64_t{~static_cast<uint32_t>(index)} << 32 | value;  // MergeFault::first
  atomicMax(reinterpret_cast<unsigned long long*>(&fault->first[kind]), static_cast<unsigned long long>(code));
}

}  // namespace sclip::cuda
