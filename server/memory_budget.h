// MemoryBudget: what requests may hold together. A lease is given back when it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace sclip {

class MemoryBudget;

class MemoryLease {
 public:
  MemoryLease() = default;
  explicit MemoryLease(MemoryBudget& budget) : budget_(&budget) {}
  ~MemoryLease() { give_back(); }
  MemoryLease(MemoryLease&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryLease& operator=(MemoryLease&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  // Throws HttpError: 413 for more than there ever is, 503 for more than there is now.
  void grow(int64_t bytes);
  void give_back();

 private:
  MemoryBudget* budget_ = nullptr;
  int64_t bytes_ = 0;
};

class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t limit) : limit_(limit) {}
  int64_t limit() const { return limit_; }
  int64_t used() const { return used_; }

 private:
  friend class MemoryLease;
  const int64_t limit_;
  std::atomic<int64_t> used_{0};
};

}  // namespace sclip
