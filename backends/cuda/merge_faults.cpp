#include "backends/cuda/merge_faults.h"

namespace sclip {

void MergeFaultSlots::reserve(size_t count) {
  while (free_.size() < count) {
    auto device = std::make_unique<CudaMemory>(device_, kChunk * sizeof(MergeFault));
    auto host = std::make_unique<PinnedMemory>(device_, kChunk * sizeof(MergeFault));
    for (size_t i = 0; i < kChunk; ++i) {
      free_.push_back({static_cast<MergeFault*>(device->data()) + i, static_cast<MergeFault*>(host->data()) + i});
    }
    device_memory_.push_back(std::move(device));
    host_memory_.push_back(std::move(host));
  }
}

MergeFaultSlots::Slot MergeFaultSlots::take(bool may_allocate) {
  if (free_.empty() && !may_allocate) return {};
  reserve(1);
  const Slot slot = free_.back();
  free_.pop_back();
  return slot;
}

bool MergeFaultSlots::trim() {
  if (free_.empty() || free_.size() < kChunk * device_memory_.size()) return false;
  free_.clear();
  device_memory_.clear();
  host_memory_.clear();
  return true;
}

MergeFaultSlots::Slot MergeFaults::add(const Params& params, bool may_allocate) {
  const MergeFaultSlots::Slot slot = slots_->take(may_allocate);
  SCLIP_CHECK(slot.device != nullptr, kUnsupported,
              "a recording holds more calls of window_merge and label_planes than were foreseen (", calls_.size(),
              "): record fewer at a time");
  *slot.host = {};  // so that a call that fails before its copy leaves no fault of an older one behind
  calls_.push_back({params, slot});
  return slot;
}

void MergeFaults::check() const {
  for (const Call& call : calls_) {
    std::visit([&](const auto& params) { check_merge_fault(params, *call.slot.host); }, call.params);
  }
}

void MergeFaults::forget() {
  for (const Call& call : calls_) slots_->give_back(call.slot);
  calls_.clear();
}

}  // namespace sclip
