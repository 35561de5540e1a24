// PlanCache: what a library made for a shape, the latest few of them.
//
// A plan that is dropped lives on with whoever holds it: a call under way, or a recording.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace sclip {

// Plans that a layer keeps. Each is for a number of rows. The windows of an image tower come in whole batches and a
// rest, at most 20 different numbers (`preferred_batch`); the tries of a text tower have any number of nodes, but a
// layer sees each of them once.
constexpr size_t kPlansKept = 32;

// May be used by several threads at once; one of them makes a plan while the others wait.
template <typename Key, typename Plan>
class PlanCache {
 public:
  explicit PlanCache(size_t kept = kPlansKept) : kept_(kept) {}

  // The plan for `key`; at first `make()`, which returns a std::shared_ptr<const Plan>.
  template <typename Make>
  std::shared_ptr<const Plan> get(const Key& key, const Make& make) {
    const std::lock_guard lock(mutex_);
    for (auto it = plans_.begin(); it != plans_.end(); ++it) {
      if (it->first != key) continue;
      plans_.splice(plans_.begin(), plans_, it);
      return it->second;
    }
    plans_.emplace_front(key, make());
    std::shared_ptr<const Plan> made = plans_.front().second;
    if (plans_.size() > kept_) plans_.pop_back();
    return made;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    plans_.clear();
  }
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return plans_.size();
  }

 private:
  const size_t kept_;
  mutable std::mutex mutex_;
  std::list<std::pair<Key, std::shared_ptr<const Plan>>> plans_;  // the latest first
};

}  // namespace sclip
