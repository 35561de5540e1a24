// What window_merge, window_planes and label_planes find wrong in their inputs, kept until the stream is waited for.
//
// A kernel cannot throw. Each call notes its fault in a slot of device memory, copies that to the slot's
// twin in pinned memory, and the stream's next `synchronize` throws the sentence that the CPU would have thrown. The
// calls of a recording keep their slots as long as the recording lives.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "backends/cuda/cuda_memory.h"
#include "kernels/label_planes/label_planes.h"
#include "kernels/window_merge/merge_fault.h"
#include "kernels/window_merge/window_merge.h"

namespace sclip {

// Slots of one stream; one thread.
class MergeFaultSlots {
 public:
  explicit MergeFaultSlots(int device) : device_(device) {}

  // Allocates, so that `count` slots can be taken while a recording is made.
  void reserve(size_t count);

  struct Slot {
    MergeFault* device = nullptr;
    MergeFault* host = nullptr;
  };
  // A free slot, or one with null pointers when none is and `may_allocate` is false.
  Slot take(bool may_allocate);
  void give_back(Slot slot) { free_.push_back(slot); }
  // Frees the memory when no slot is taken; true if it did.
  bool trim();

 private:
  static constexpr size_t kChunk = 16;

  int device_;
  std::vector<std::unique_ptr<CudaMemory>> device_memory_;
  std::vector<std::unique_ptr<PinnedMemory>> host_memory_;
  std::vector<Slot> free_;
};

// The calls of one recording, or those of a stream since it was last waited for.
class MergeFaults {
 public:
  explicit MergeFaults(std::shared_ptr<MergeFaultSlots> slots) : slots_(std::move(slots)) {}
  ~MergeFaults() { forget(); }
  MergeFaults(const MergeFaults&) = delete;
  MergeFaults& operator=(const MergeFaults&) = delete;

  // A slot for a call with these params, whose pointers are not looked at again.
  using Params = std::variant<WindowMergeParams, WindowPlanesParams, LabelPlanesParams>;
  MergeFaultSlots::Slot add(const Params& params, bool may_allocate);
  // Throws the first fault's sentence. The stream has been waited for.
  void check() const;
  void forget();
  size_t size() const { return calls_.size(); }

 private:
  struct Call {
    Params params;
    MergeFaultSlots::Slot slot;
  };
  std::shared_ptr<MergeFaultSlots> slots_;
  std::vector<Call> calls_;
};

}  // namespace sclip
