// Simulated device memory. Every allocation stands alone in reserved address space, gigabytes away from the next one,
// so that stride mistakes hit a gap. The addresses handed out are not readable by the host (as on a real machine):
// the bytes live kHostShift higher. Host-visible (pinned, managed) allocations are mapped at both places.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace cudasim {

constexpr uint64_t kSlotShift = 32;  // 4 GiB of address space per slot
constexpr uint64_t kSlotCount = 8192;

// The allocation that a slot of address space belongs to; lo == hi: none. Running kernels read it without a lock.
struct AllocBounds {
  uint64_t lo = 0, hi = 0;
};

enum class AllocKind : uint8_t { kDevice, kHost, kManaged, kGlobal };

constexpr int kEveryDevice = -1;

struct Allocation {
  uint64_t address = 0, size = 0, first_slot = 0, slots = 0, serial = 0;
  AllocKind kind = AllocKind::kDevice;
  int device = kEveryDevice;  // that can reach it
  int owner = 0;              // the device whose memory it takes up
  bool freed = false;
  std::string name;  // of a module variable
};

class DeviceMemory {
 public:
  static DeviceMemory& get();
  // Memory of `device`; host, managed and module memory is every device's. 0: out of memory.
  uint64_t allocate(uint64_t size, AllocKind kind, int device, const std::string& name = {});
  bool release(uint64_t address);  // false: no such live allocation starts there
  // The allocation that holds [address, address + bytes), or nullptr.
  const Allocation* find(uint64_t address, uint64_t bytes = 1) const;
  const Allocation* nearest(uint64_t address) const;  // live or freed, for reports; stays valid for good
  std::string describe(uint64_t address) const;       // "16 bytes after the 4096-byte allocation #3 at 0x..."
  std::vector<Allocation> live() const;
  uint64_t used(int device) const { return used_[size_t(device)]; }
  uint8_t* host(uint64_t address) const { return reinterpret_cast<uint8_t*>(address + shift_); }
  // Memory of the host that the program registered: readable by kernels where it is.
  void register_host(void* p, uint64_t bytes);
  bool unregister_host(void* p);
  bool host_registered(uint64_t address, uint64_t bytes) const;

  uint64_t base() const { return base_; }
  int64_t shift() const { return int64_t(shift_); }
  const AllocBounds* bounds(int device) const { return bounds_[size_t(device)].data(); }

 private:
  DeviceMemory();
  const Allocation* nearest_locked(uint64_t address) const;
  void set_bounds(const Allocation& a, uint64_t lo, uint64_t hi);
  uint64_t base_ = 0, shift_ = 0, next_slot_ = 0, serial_ = 0;
  std::vector<uint64_t> used_;                                        // by device
  std::vector<bool> taken_;                                           // by slot
  std::vector<std::vector<AllocBounds>> bounds_;                      // by device and slot
  std::map<uint64_t, Allocation> by_address_;                         // live and freed
  std::vector<std::map<uint64_t, Allocation>::node_type> forgotten_;  // reports on other threads may still read them
  std::map<uint64_t, uint64_t> host_ranges_;
  mutable std::mutex mutex_;
};

}  // namespace cudasim
