// The engine inside a program with threads, OpenMP settings and a memory budget of its own.
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <random>
#include <thread>

#include "sclip/session.h"
#include "tests/catch.h"

using namespace sclip;

namespace {

const std::filesystem::path kRoot = SCLIP_SOURCE_DIR;

std::shared_ptr<const Engine> load(const char* blob, int threads = 0) {
  return Engine::load(kRoot / blob, {.backend = {.device = "cpu", .precision = Precision::kF32, .threads = threads}});
}
std::shared_ptr<const Engine> load_tiny(int threads = 0) {
  return load("tests/data/goldens/tiny.sclip", threads);
}

std::shared_ptr<const TextBank> bank_of(const Engine& engine) {
  return make_text_bank(engine, parse_class_argument("sky; building, house; tree"), {.templates = {"{}"}});
}

struct Photo {
  int width, height;
  std::vector<uint8_t> rgb;
  ImageView view() const { return {rgb.data(), width, height}; }
};

Photo noise(int width, int height, unsigned seed) {
  Photo out{width, height, std::vector<uint8_t>(static_cast<size_t>(3 * width * height))};
  std::mt19937 random(seed);
  for (uint8_t& x : out.rgb) x = static_cast<uint8_t>(random());
  return out;
}

SegmentOptions small() {
  return {.short_side = 48, .crop = 32, .stride = 16, .logit_scale = 100};
}

// Instrumented code takes tens of times as long: a part of the work shows the same. And sanitizers keep freed memory to
// find its use, so that memory is not judged there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;
#else
constexpr bool kInstrumented = false;
#endif

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return static_cast<double>(resident * ::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace

TEST_CASE("the host's OpenMP settings are its own", "[host]") {
  omp_set_num_threads(3);
  omp_set_dynamic(0);
  const auto untouched = [] { return omp_get_max_threads() == 3 && omp_get_dynamic() == 0; };
  const auto engine = load_tiny(2);
  CHECK(untouched());
  const auto bank = bank_of(*engine);
  CHECK(untouched());
  Session session(engine);
  const Photo photo = noise(70, 50, 1);
  const Segmentation expected = session.segment(photo.view(), *bank, small());
  CHECK(untouched());
  session.embed_image(photo.view());
  session.embed_texts(std::vector<std::string>{"a cat"});
  session.dense_features(photo.view(), small());
  classify(session, photo.view(), *bank);
  session.trim();
  CHECK(untouched());

#if defined(__SANITIZE_THREAD__)
  // GCC's OpenMP runtime is not instrumented: ThreadSanitizer cannot see that a region's threads have ended.
  WARN("left out: the session inside a parallel region of the host's");
#else
  // From inside the host's own parallel region, a session a thread.
  std::atomic<int> wrong{0}, threads{0};
#pragma omp parallel num_threads(3)
  {
    {
      Session mine(engine);
      for (int round = 0; round < 3; ++round) {
        if (mine.segment(photo.view(), *bank, small()).labels != expected.labels) ++wrong;
        if (omp_get_max_threads() != 3) ++wrong;
      }
    }
    ++threads;  // last: ThreadSanitizer sees this, and not how OpenMP's threads come together
  }
  CHECK(wrong == 0);
  CHECK(threads == 3);
  CHECK(untouched());
#endif
}

TEST_CASE("eight sessions of one engine on eight threads, handed from thread to thread", "[host]") {
  const auto engine = load_tiny(2);
  const auto bank = bank_of(*engine);
  constexpr size_t kSessions = 8, kRounds = 5;
  std::vector<Photo> photos;
  std::vector<Segmentation> expected;
  Session alone(engine);
  for (size_t i = 0; i < kSessions; ++i) {
    photos.push_back(noise(40 + 9 * static_cast<int>(i), 90 - 7 * static_cast<int>(i), static_cast<unsigned>(i)));
    expected.push_back(alone.segment(photos[i].view(), *bank, small()));
  }
  std::vector<Session> sessions;
  for (size_t i = 0; i < kSessions; ++i) sessions.emplace_back(engine);
  std::atomic<int> wrong{0};
  for (size_t round = 0; round < kRounds; ++round) {
    std::vector<std::thread> threads;
    for (size_t t = 0; t < kSessions; ++t) {
      threads.emplace_back([&, t] {
        Session& session = sessions[(t + round) % kSessions];  // another one every round
        const Segmentation found = session.segment(photos[t].view(), *bank, small());
        if (found.labels != expected[t].labels || found.scores != expected[t].scores) ++wrong;
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(wrong == 0);
}

TEST_CASE("a bank of another engine is an error, not a crash", "[host]") {
  const auto engine = load_tiny(), other = load("weights/demo/demo-clip.sclip");
  const auto bank = bank_of(*other);
  Session session(engine);
  const Photo photo = noise(60, 60, 2);
  try {
    session.segment(photo.view(), *bank, small());
    FAIL("a bank of another engine was taken");
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::kInvalidArgument);
  }
  CHECK_NOTHROW(session.segment(photo.view(), *bank_of(*engine), small()));
}

TEST_CASE("a stop in the middle returns within one group of windows", "[host]") {
  const auto engine = load("weights/demo/demo-clip.sclip");
  const auto bank = bank_of(*engine);
  // Some 500 windows, seconds of work; instrumented some 30.
  const Photo photo = noise(1500, 1200, 3);
  const SegmentOptions options{.short_side = kInstrumented ? 300 : 1200, .crop = 112, .stride = 56};
  const SegmentOptions one_group{.short_side = 112, .crop = 112, .stride = 56};
  Session session(engine);
  session.segment(photo.view(), *bank, one_group);
  const auto seconds = [](auto&& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double whole = seconds([&] { session.segment(photo.view(), *bank, options); });
  std::stop_source source;
  std::chrono::steady_clock::time_point asked;
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::duration<double>(whole / 4));
    asked = std::chrono::steady_clock::now();
    source.request_stop();
  });
  bool cancelled = false;
  try {
    session.segment(photo.view(), *bank, options, {}, {.stop = source.get_token(), .progress = {}});
  } catch (const Error& e) {
    cancelled = e.code() == ErrorCode::kCancelled;
  }
  const auto returned = std::chrono::steady_clock::now();
  stopper.join();
  CHECK(cancelled);
  // A group is a small part of the whole; a quarter of it leaves room for a busy machine.
  const double delay = std::chrono::duration<double>(returned - asked).count();
  INFO("whole run " << whole << " s, returned " << delay << " s after the stop");
  CHECK(delay < whole / 4);
  const Segmentation again = session.segment(photo.view(), *bank, one_group);
  Session fresh(engine);
  CHECK(again.labels == fresh.segment(photo.view(), *bank, one_group).labels);
}

TEST_CASE("500 photos of 500 sizes at crop 0 leave memory flat, and trim gives it back", "[host]") {
  const auto engine = load("weights/demo/demo-clip.sclip", 2);
  const auto bank = bank_of(*engine);
  engine->vision();
  SegmentOptions options{.short_side = 112, .crop = 0};
  Session session(engine);
  std::vector<std::pair<int, int>> sizes;
  for (int i = 0; i < 500; ++i) sizes.emplace_back(300 - i % 150, 110 + i % 29 + i / 29);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  REQUIRE(sizes.size() == 500);
  std::shuffle(sizes.begin(), sizes.end(), std::mt19937(4));
  if (kInstrumented) sizes.resize(10);
  // The photo with the most patches comes early, which is the longest one, as short sides become equal: what is flat
  // afterwards is then not flat by chance.
  const auto shorter = [](const auto& a, const auto& b) { return a.first * b.second < b.first * a.second; };
  std::iter_swap(sizes.begin(), std::max_element(sizes.begin(), sizes.end(), shorter));
  session.segment(noise(300, 140, 0).view(), *bank, options);
  session.trim();
  const double start = resident_mib();
  double after_50 = 0, largest = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const Photo photo = noise(sizes[i].first, sizes[i].second, static_cast<unsigned>(i));
    session.segment(photo.view(), *bank, options);
    if (i + 1 == 50) after_50 = resident_mib();
    if (i + 1 > 50) largest = std::max(largest, resident_mib());
  }
  session.trim();
  const double trimmed = resident_mib();
  WARN("MiB at the start " << start << ", after 50 photos " << after_50 << ", largest later " << largest
                           << ", after trim " << trimmed);
  if (kInstrumented) return;
  CHECK(largest <= after_50 * 1.05);
  CHECK(trimmed <= start * 1.05);
}
