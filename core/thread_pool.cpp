#include "core/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "sclip/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sclip {
namespace {

thread_local bool inside_a_loop = false;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// A forward pass starts a loop every some 100 µs: waking a sleeping thread for each would cost a few percent. Longer
// than this nothing spins, so that an idle pool costs nothing and a busy machine's other threads get their turn.
constexpr std::chrono::microseconds kSpin{50};

// The pool's mutex is held for nanoseconds: to sleep for it costs more than a small loop.
void lock_soon(std::unique_lock<std::mutex>& lock) {
  for (int i = 0; i < 256; ++i) {
    if (lock.try_lock()) return;
    pause();
  }
  lock.lock();
}

template <typename Ready>
bool spin_until(const Ready& ready) {
  const auto start = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 64; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() - start < kSpin);
  return false;
}

}  // namespace

bool ThreadPool::in_loop() {
  return inside_a_loop;
}

ThreadPool::ThreadPool(int threads) : count_(threads) {
  SCLIP_CHECK(threads >= 1, kInvalidArgument, "a pool of ", threads, " threads: at least 1 is needed");
  threads_.reserve(static_cast<size_t>(threads - 1));
  try {
    for (int worker = 1; worker < threads; ++worker) threads_.emplace_back([this, worker] { serve(worker); });
  } catch (const std::system_error& e) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    fail(ErrorCode::kOutOfMemory, "the system refused thread ", threads_.size() + 2, " of ", threads, ": ", e.what(),
         "; ask for fewer threads");
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  started_.fetch_add(1);  // ends the spinning
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

// Whoever started a loop computes in it whatever the number of threads: their number is the host program's choice.
ThreadPool::Loop* ThreadPool::to_help() {
  if (static_cast<int>(loops_.size()) + helping_ >= threads()) return nullptr;
  for (Loop* loop : loops_) {
    if (loop->next.load(std::memory_order_relaxed) < loop->count) return loop;
  }
  return nullptr;
}

void ThreadPool::serve(int worker) {
  inside_a_loop = true;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (Loop* loop = to_help()) {
      loop->helpers.fetch_add(1, std::memory_order_relaxed);
      ++helping_;
      lock.unlock();
      work_on(*loop, worker);
      // The loop may be gone once it is seen without helpers: only the pool is touched from here on.
      const bool last = loop->helpers.fetch_sub(1, std::memory_order_acq_rel) == 1;
      lock_soon(lock);
      --helping_;
      if (last) left_.notify_all();
      continue;
    }
    const uint64_t seen = started_.load();
    lock.unlock();
    const bool more = spin_until([&] { return started_.load(std::memory_order_acquire) != seen; });
    lock_soon(lock);
    if (!more) wake_.wait(lock, [&] { return stopping_ || started_.load() != seen; });
  }
}

void ThreadPool::work_on(Loop& loop, int worker) {
  for (int64_t i = loop.next.fetch_add(1); i < loop.count; i = loop.next.fetch_add(1)) {
    try {
      loop.call(loop.body, worker, i);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!loop.error) loop.error = std::current_exception();
      loop.next.store(loop.count);
    }
  }
}

void ThreadPool::run(Loop&& loop) {
  std::unique_lock lock(mutex_, std::defer_lock);
  lock_soon(lock);
  loops_.push_back(&loop);
  started_.fetch_add(1);
  lock.unlock();
  if (loop.count == 2) {
    wake_.notify_one();
  } else {
    wake_.notify_all();
  }
  inside_a_loop = true;
  work_on(loop, 0);
  inside_a_loop = false;

  lock_soon(lock);
  loops_.erase(std::find(loops_.begin(), loops_.end(), &loop));
  if (!loops_.empty()) {  // a place is free to help another
    started_.fetch_add(1);
    wake_.notify_one();
  }
  lock.unlock();
  const auto alone = [&] { return loop.helpers.load(std::memory_order_acquire) == 0; };
  if (!spin_until(alone)) {
    lock.lock();
    left_.wait(lock, alone);
  }
  if (loop.error) std::rethrow_exception(loop.error);
}

}  // namespace sclip
