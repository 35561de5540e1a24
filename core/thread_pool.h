// ThreadPool: the threads that a backend computes on. They belong to the object, not to the process: nothing here reads
// or changes a setting of the host program.
//
// The thread that starts a loop computes in it, beside up to threads() − 1 threads of the pool; it returns when the
// loop is done. Any number of threads may start loops at once: each computes in its own, and the pool's threads go
// where work is left as long as no more than threads() compute in all. A loop inside a loop runs on its caller's thread
// alone. The first exception of a loop's body is rethrown by the call; indices not begun by then are left out.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace sclip {

class ThreadPool {
 public:
  // `threads` ≥ 1 includes the thread that starts a loop. Throws kOutOfMemory when the system refuses a thread.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return count_; }
  // Threads that a loop started here would get: 1 inside another one.
  int threads_here() const { return in_loop() ? 1 : threads(); }
  // Whether this thread is inside a loop of any pool.
  static bool in_loop();

  // Calls body(i) for i in [0, count), each once, in no order.
  template <typename Body>
  void parallel_for(int64_t count, const Body& body) {
    parallel_for_workers(count, [&body](int, int64_t i) { body(i); });
  }

  // Calls body(worker, i), at most one call at a time for each worker in [0, threads_here()): what belongs to a worker
  // needs no lock.
  template <typename Body>
  void parallel_for_workers(int64_t count, const Body& body) {
    if (count <= 1 || threads_here() == 1) {
      for (int64_t i = 0; i < count; ++i) body(0, i);
      return;
    }
    const auto call = [](const void* b, int worker, int64_t i) { (*static_cast<const Body*>(b))(worker, i); };
    run({call, &body, count});
  }

  // Calls body(begin, end) for ranges that together are [0, count): one a thread, none shorter than `smallest` but
  // for the last. For loops whose every index costs the same.
  template <typename Body>
  void parallel_ranges(int64_t count, int64_t smallest, const Body& body) {
    const int64_t most = (count + smallest - 1) / smallest;
    const int64_t ranges = most < threads_here() ? most : threads_here();
    if (ranges <= 1) {
      if (count > 0) body(int64_t{0}, count);
      return;
    }
    parallel_for(ranges, [&](int64_t r) { body(count * r / ranges, count * (r + 1) / ranges); });
  }

 private:
  struct Loop {
    Loop(void (*c)(const void*, int, int64_t), const void* b, int64_t n) : call(c), body(b), count(n) {}
    void (*call)(const void* body, int worker, int64_t index);
    const void* body;
    int64_t count;
    std::atomic<int64_t> next{0};
    std::atomic<int> helpers{0};  // pool threads inside; grows under the pool's mutex only, while the loop is listed
    std::exception_ptr error;     // the first one, under the pool's mutex
  };
  void run(Loop&& loop);
  void work_on(Loop& loop, int worker);
  void serve(int worker);
  Loop* to_help();  // under the mutex

  const int count_;  // threads_ is not to be asked: it grows while its first threads look for work already
  std::mutex mutex_;
  std::condition_variable wake_, left_;
  std::vector<Loop*> loops_;          // one for each thread that started one
  int helping_ = 0;                   // pool threads inside loops
  std::atomic<uint64_t> started_{0};  // loops so far
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// What the process may use: its affinity mask, and no more than the quota of its cgroup (rounded up). At least 1.
int available_threads();

}  // namespace sclip
