#include "server/batch_queue.h"

#include "tests/catch.h"

namespace sclip {
namespace {

std::shared_ptr<BatchJob> job(int64_t windows, const char* policy = "sclip") {
  auto out = std::make_shared<BatchJob>();
  out->windows = windows;
  out->reads = SegmentOptions{.policy = policy};
  return out;
}

TEST_CASE("lanes hold jobs of like sizes") {
  const std::vector<std::pair<int64_t, size_t>> lanes = {{1, 0},  {2, 1},  {4, 1},  {5, 2},   {16, 2},
                                                         {17, 3}, {64, 3}, {65, 4}, {9999, 4}};
  for (const auto& [windows, lane] : lanes) CHECK(BatchQueue::lane_of(windows) == lane);
}

TEST_CASE("a lane's jobs come in order") {
  BatchQueue queue(4);
  std::vector<std::shared_ptr<BatchJob>> jobs;
  for (int i = 0; i < 10; ++i) queue.push(jobs.emplace_back(job(1)));
  CHECK(queue.windows() == 10);
  for (const auto& expected : jobs) CHECK(queue.pop() == expected);
  CHECK(queue.empty());
  CHECK(queue.windows() == 0);
}

TEST_CASE("small and large jobs get the same share of the windows while both wait") {
  BatchQueue queue(16);
  for (int i = 0; i < 64; ++i) queue.push(job(40));
  for (int i = 0; i < 4000; ++i) queue.push(job(1));
  int64_t small = 0, large = 0;
  while (small + large < 2000) {
    const auto next = queue.pop();
    (next->windows == 1 ? small : large) += next->windows;
  }
  CHECK(std::abs(small - large) <= 2 * 40 + 2 * 16);
}

TEST_CASE("a small job waits for one large job at most, however many wait") {
  BatchQueue queue(16);
  for (int i = 0; i < 50; ++i) queue.push(job(60));
  queue.pop();
  queue.push(job(1));
  int64_t before = 0;
  for (auto next = queue.pop(); next->windows != 1; next = queue.pop()) before += next->windows;
  CHECK(before <= 60);
}

TEST_CASE("jobs that read alike are put together up to the most windows, others are left") {
  BatchQueue queue(16);
  const auto other = job(1, "naclip");
  queue.push(job(3));
  queue.push(other);
  for (int i = 0; i < 20; ++i) queue.push(job(1));
  queue.push(job(8));
  std::vector<std::shared_ptr<BatchJob>> batch = {queue.pop()};
  while (batch.front() == other) batch = {queue.pop()};
  queue.fill(batch, 16);
  int64_t windows = 0;
  for (const auto& j : batch) {
    CHECK(j->reads == batch.front()->reads);
    windows += j->windows;
  }
  CHECK(windows == 16);
  const int64_t left = queue.windows();
  queue.fill(batch, 16);  // it is full
  CHECK(queue.windows() == left);
}

TEST_CASE("a job that reads nothing has no company") {
  BatchQueue queue(16);
  const auto alone = job(1);
  alone->reads.reset();
  queue.push(alone);
  queue.push(job(1));
  std::vector<std::shared_ptr<BatchJob>> batch = {queue.pop()};
  queue.fill(batch, 16);
  CHECK(batch.size() == 1);
}

TEST_CASE("a job that is given up leaves its place") {
  BatchQueue queue(16);
  const auto gone = job(5), stays = job(5);
  queue.push(gone);
  queue.push(stays);
  CHECK(queue.remove(gone));
  CHECK_FALSE(queue.remove(gone));
  CHECK(queue.windows() == 5);
  CHECK(queue.pop() == stays);
}

TEST_CASE("what comes behind reading does not keep photos apart") {
  SegmentOptions a, b;
  b.logit_scale = 7;
  b.prob_thd = 0.5f;
  b.ignore_label = 255;
  b.area_thd = 0.1f;
  CHECK(reading_options(a) == reading_options(b));
  b.short_side = 224;
  CHECK_FALSE(reading_options(a) == reading_options(b));
}

}  // namespace
}  // namespace sclip
