#include "sim/memory.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/mman.h>
#include <unistd.h>

#include "sim/options.h"
#include "sim/report.h"

namespace cudasim {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kDeviceBytes = 80ull << 30;

// The host touched an address of device memory: a segmentation fault that says what it is.
static struct sigaction g_previous_handler;
static void on_host_access(int signal, siginfo_t* info, void*) {
  const uint64_t address = reinterpret_cast<uint64_t>(info->si_addr);
  if (address - DeviceMemory::get().base() >= (kSlotCount << kSlotShift)) {
    sigaction(signal, &g_previous_handler, nullptr);  // not ours: it happens again with the handler before
    return;
  }
  Finding f;
  f.check = Check::kHostAccess;
  f.address = address;
  f.text = "host code dereferences a device pointer, " + DeviceMemory::get().describe(address) +
           "; copy with cudaMemcpy, or use pinned or managed memory.";
  report(std::move(f));
  finish_reports(false);  // the program had no chance to free anything
  std::fflush(nullptr);
  _exit(kExitCheckFailed);
}

DeviceMemory& DeviceMemory::get() {
  static DeviceMemory* memory = new DeviceMemory;  // never destroyed: programs free in their own destructors
  return *memory;
}

DeviceMemory::DeviceMemory()
    : used_(size_t(options().devices)),
      taken_(kSlotCount),
      bounds_(size_t(options().devices), std::vector<AllocBounds>(kSlotCount)) {
  const uint64_t bytes = kSlotCount << kSlotShift;
  void* p =
      mmap(nullptr, 2 * bytes + (1ull << kSlotShift), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    std::fprintf(stderr, "cudasim: cannot reserve %llu GiB of address space; raise the limit (ulimit -v unlimited).\n",
                 static_cast<unsigned long long>(2 * bytes >> 30));
    std::exit(2);
  }
  base_ = ((reinterpret_cast<uint64_t>(p) >> kSlotShift) + 1) << kSlotShift;
  shift_ = bytes;
  struct sigaction action = {};
  action.sa_sigaction = on_host_access;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, &g_previous_handler);
}

// A reader sees both old values, both new ones, or bounds that fail the fast check and lead to the locked search.
void DeviceMemory::set_bounds(const Allocation& a, uint64_t lo, uint64_t hi) {
  for (uint64_t slot = a.first_slot; slot < a.first_slot + a.slots; ++slot) {
    taken_[slot] = hi != 0;
    for (int device = 0; device < options().devices; ++device) {
      if (a.device != kEveryDevice && a.device != device) continue;
      AllocBounds& b = bounds_[size_t(device)][slot];
      if (hi) {
        __atomic_store_n(&b.lo, lo, __ATOMIC_RELEASE);
        __atomic_store_n(&b.hi, hi, __ATOMIC_RELEASE);
      } else {
        __atomic_store_n(&b.hi, hi, __ATOMIC_RELEASE);
        __atomic_store_n(&b.lo, lo, __ATOMIC_RELEASE);
      }
    }
  }
}

uint64_t DeviceMemory::allocate(uint64_t size, AllocKind kind, int device, const std::string& name) {
  std::lock_guard lock(mutex_);
  if (size == 0) size = 1;
  if (used_[size_t(device)] + size > kDeviceBytes) return 0;
  const uint64_t half = 1ull << (kSlotShift - 1);
  // At least 1 GiB of gap on both sides; the low bits vary so that allocations do not share cache sets.
  const uint64_t slots = ((half + size + half / 2) >> kSlotShift) + 1;
  uint64_t slot = kSlotCount;
  for (uint64_t tries = 0; tries < kSlotCount; ++tries) {
    if (next_slot_ + slots > kSlotCount) next_slot_ = 0;
    bool free = true;
    for (uint64_t i = 0; i < slots; ++i) free &= !taken_[next_slot_ + i];
    if (free) {
      slot = next_slot_;
      next_slot_ += slots;
      break;
    }
    ++next_slot_;
  }
  if (slot == kSlotCount) return 0;
  const uint64_t address = base_ + (slot << kSlotShift) + half + (serial_ * 37 % 64) * kPage + (serial_ * 5 % 8) * 512;
  const uint64_t map_lo = address & ~(kPage - 1), map_hi = (address + size + kPage - 1) & ~(kPage - 1);
  void* bytes = reinterpret_cast<void*>(map_lo + shift_);
  bool ok;
  if (kind == AllocKind::kHost || kind == AllocKind::kManaged) {
    const int fd = memfd_create("cudasim", MFD_CLOEXEC);
    ok = fd >= 0 && ftruncate(fd, off_t(map_hi - map_lo)) == 0 &&
         mmap(bytes, map_hi - map_lo, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED &&
         mmap(reinterpret_cast<void*>(map_lo), map_hi - map_lo, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
              0) != MAP_FAILED;
    if (fd >= 0) close(fd);
  } else {
    ok = mmap(bytes, map_hi - map_lo, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
              -1, 0) != MAP_FAILED;
  }
  if (!ok) return 0;
  Allocation a;
  a.address = address;
  a.size = size;
  a.first_slot = slot;
  a.slots = slots;
  a.serial = ++serial_;
  a.kind = kind;
  a.owner = device;
  a.device = kind == AllocKind::kDevice ? device : kEveryDevice;
  a.name = name;
  set_bounds(a, address, address + size);
  // Reused address space forgets what was freed there.
  auto it = by_address_.lower_bound(base_ + (slot << kSlotShift));
  while (it != by_address_.end() && it->first < base_ + ((slot + slots) << kSlotShift))
    forgotten_.push_back(by_address_.extract(it++));
  by_address_[address] = a;
  used_[size_t(device)] += size;
  return address;
}

bool DeviceMemory::release(uint64_t address) {
  std::lock_guard lock(mutex_);
  auto it = by_address_.find(address);
  if (it == by_address_.end() || it->second.freed) return false;
  Allocation& a = it->second;
  const uint64_t lo = a.address & ~(kPage - 1), hi = (a.address + a.size + kPage - 1) & ~(kPage - 1);
  for (uint64_t at : {lo, lo + shift_}) {
    if (at == lo && a.kind != AllocKind::kHost && a.kind != AllocKind::kManaged) continue;
    mmap(reinterpret_cast<void*>(at), hi - lo, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
         0);
  }
  set_bounds(a, 0, 0);
  a.freed = true;
  used_[size_t(a.owner)] -= a.size;
  return true;
}

const Allocation* DeviceMemory::find(uint64_t address, uint64_t bytes) const {
  std::lock_guard lock(mutex_);
  auto it = by_address_.upper_bound(address);
  if (it == by_address_.begin()) return nullptr;
  const Allocation& a = (--it)->second;
  return !a.freed && address >= a.address && address - a.address < a.size && bytes <= a.size - (address - a.address)
             ? &a
             : nullptr;
}

const Allocation* DeviceMemory::nearest(uint64_t address) const {
  std::lock_guard lock(mutex_);
  return nearest_locked(address);
}

const Allocation* DeviceMemory::nearest_locked(uint64_t address) const {
  auto it = by_address_.upper_bound(address);
  const Allocation* after = it == by_address_.end() ? nullptr : &it->second;
  const Allocation* before = it == by_address_.begin() ? nullptr : &std::prev(it)->second;
  if (!before || !after) return before ? before : after;
  const uint64_t to_before = address < before->address + before->size ? 0 : address - before->address - before->size;
  return to_before <= after->address - address ? before : after;
}

std::string DeviceMemory::describe(uint64_t address) const {
  std::lock_guard lock(mutex_);
  const Allocation* a = nearest_locked(address);
  if (!a) return "there are no allocations";
  char head[64];
  std::snprintf(head, sizeof head, " at 0x%llx", static_cast<unsigned long long>(a->address));
  const char* kind = a->kind == AllocKind::kHost ? "host " : a->kind == AllocKind::kManaged ? "managed " : "";
  std::string what = a->name.empty()
                         ? std::to_string(a->size) + "-byte " + kind + "allocation #" + std::to_string(a->serial)
                         : std::to_string(a->size) + "-byte variable " + a->name;
  if (options().devices > 1 && a->device != kEveryDevice) what += " of device " + std::to_string(a->device);
  what = (a->freed ? "the freed " : "the ") + what + head;
  if (address < a->address) return std::to_string(a->address - address) + " bytes before " + what;
  if (address >= a->address + a->size)
    return std::to_string(address - a->address - a->size) + " bytes after the end of " + what;
  return std::to_string(address - a->address) + " bytes into " + what;
}

std::vector<Allocation> DeviceMemory::live() const {
  std::lock_guard lock(mutex_);
  std::vector<Allocation> out;
  for (const auto& [address, a] : by_address_)
    if (!a.freed) out.push_back(a);
  return out;
}

void DeviceMemory::register_host(void* p, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  host_ranges_[reinterpret_cast<uint64_t>(p)] = bytes;
}

bool DeviceMemory::unregister_host(void* p) {
  std::lock_guard lock(mutex_);
  return host_ranges_.erase(reinterpret_cast<uint64_t>(p)) != 0;
}

bool DeviceMemory::host_registered(uint64_t address, uint64_t bytes) const {
  std::lock_guard lock(mutex_);
  auto it = host_ranges_.upper_bound(address);
  if (it == host_ranges_.begin()) return false;
  --it;
  return address - it->first < it->second && bytes <= it->second - (address - it->first);
}

}  // namespace cudasim
