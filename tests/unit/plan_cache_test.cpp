#include "backends/plan_cache.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/catch.h"

using namespace sclip;

TEST_CASE("a plan cache keeps the latest plans and makes each once", "[plan_cache]") {
  PlanCache<int, int> cache;
  int made = 0;
  const auto get = [&](int key) { return cache.get(key, [&] { return ++made, std::make_shared<int>(10 * key); }); };
  const int most = static_cast<int>(kPlansKept);
  for (int i = 0; i < most; ++i) CHECK(*get(i) == 10 * i);
  for (int i = 0; i < most; ++i) CHECK(*get(i) == 10 * i);
  CHECK(made == most);

  get(0);  // the latest: 1 is the oldest of those that stay
  const auto held = get(1);
  get(2);
  get(most);  // drops 3
  CHECK(cache.size() == kPlansKept);
  CHECK(made == most + 1);
  get(0), get(1), get(2);
  CHECK(made == most + 1);
  get(3);
  CHECK(made == most + 2);

  cache.clear();
  CHECK(cache.size() == 0);
  CHECK(*held == 10);  // whoever holds a plan keeps it
}

TEST_CASE("a plan that cannot be made leaves nothing behind", "[plan_cache]") {
  PlanCache<int, int> cache;
  CHECK_THROWS_AS(cache.get(1, []() -> std::shared_ptr<const int> { throw 5; }), int);
  CHECK(cache.size() == 0);
  CHECK(*cache.get(1, [] { return std::make_shared<int>(7); }) == 7);
}

TEST_CASE("threads share a plan cache", "[plan_cache]") {
  PlanCache<int, int> cache;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const int key = (i * 7 + t) % (2 * static_cast<int>(kPlansKept));
        if (*cache.get(key, [&] { return std::make_shared<int>(key); }) != key) ++wrong;
        if (i % 500 == 0) cache.clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(cache.size() <= kPlansKept);
}
