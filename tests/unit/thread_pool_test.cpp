#include "core/thread_pool.h"

#include <numeric>
#include <set>

#include "sclip/error.h"
#include "tests/catch.h"

using namespace sclip;

TEST_CASE("every index is visited once, on at most as many threads as asked for", "[thread_pool]") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const int64_t count : {0, 1, 2, 3, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
      std::vector<std::atomic<int>> busy(static_cast<size_t>(threads));
      pool.parallel_for_workers(count, [&](int worker, int64_t i) {
        if (worker < 0 || worker >= threads) fail(ErrorCode::kInternal, "worker ", worker, " of ", threads);
        const bool alone = busy[static_cast<size_t>(worker)]++ == 0;
        ++visits[static_cast<size_t>(i)];
        --busy[static_cast<size_t>(worker)];
        if (!alone) throw Error(ErrorCode::kInternal, "two calls at once for a worker");
      });
      for (const auto& visited : visits) CHECK(visited == 1);
    }
  }
}

TEST_CASE("ranges cover the count and are as many as threads at most", "[thread_pool]") {
  ThreadPool pool(3);
  for (const int64_t count : {0, 1, 7, 64, 1000}) {
    for (const int64_t smallest : {1, 10, 5000}) {
      std::mutex mutex;
      std::set<std::pair<int64_t, int64_t>> ranges;
      pool.parallel_ranges(count, smallest, [&](int64_t begin, int64_t end) {
        const std::lock_guard lock(mutex);
        ranges.emplace(begin, end);
      });
      CHECK(ranges.size() <= 3);
      int64_t at = 0;
      for (const auto& [begin, end] : ranges) {
        CHECK(begin == at);
        CHECK(end > begin);
        at = end;
      }
      CHECK(at == count);
    }
  }
}

TEST_CASE("a loop's exception reaches its caller, and the pool goes on", "[thread_pool]") {
  ThreadPool pool(4);
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> calls{0};
    CHECK_THROWS_WITH(pool.parallel_for(100,
                                        [&](int64_t i) {
                                          ++calls;
                                          if (i == 7) fail(ErrorCode::kOutOfMemory, "no memory for index ", i);
                                        }),
                      "no memory for index 7");
    CHECK(calls >= 1);
    CHECK(calls <= 100);
  }
  std::atomic<int64_t> sum{0};
  pool.parallel_for(100, [&](int64_t i) { sum += i; });
  CHECK(sum == 4950);
}

TEST_CASE("a loop inside a loop runs on its caller's thread", "[thread_pool]") {
  ThreadPool pool(4), other(3);
  CHECK(pool.threads_here() == 4);
  pool.parallel_for(16, [&](int64_t) {
    const auto here = std::this_thread::get_id();
    bool same = pool.threads_here() == 1 && other.threads_here() == 1;
    other.parallel_for_workers(8,
                               [&](int worker, int64_t) { same &= worker == 0 && std::this_thread::get_id() == here; });
    pool.parallel_for(8, [&](int64_t) { same &= std::this_thread::get_id() == here; });
    if (!same) fail(ErrorCode::kInternal, "the inner loop left its thread");
  });
  CHECK(pool.threads_here() == 4);
}

TEST_CASE("many threads start loops of one pool at once", "[thread_pool]") {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int64_t> sum{0};
  for (int c = 0; c < 8; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) pool.parallel_for(10, [&](int64_t i) { sum += i; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(sum == 8 * 200 * 45);
}

TEST_CASE("a pool needs a thread, and a process has one", "[thread_pool]") {
  CHECK_THROWS_WITH(ThreadPool(0), Catch::Contains("at least 1"));
  CHECK(available_threads() >= 1);
  CHECK(available_threads() <= 1 << 20);
}
