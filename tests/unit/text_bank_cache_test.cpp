#include "engine/text_bank_cache.h"

#include <fstream>
#include <thread>

#include "core/atomic_file.h"
#include "core/file.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/temporary_folder.h"

using namespace sclip;

namespace {

std::filesystem::path fresh_folder(const char* name) {
  static const testing::TemporaryFolder folder;
  return folder / name;
}

const std::string kKey(64, 'a');

}  // namespace

TEST_CASE("a cached text bank comes back bit for bit", "[text_bank_cache]") {
  const TextBankCache cache(fresh_folder("round_trip") / "deep", kKey);
  const auto values = testing::random_normal(6 * 16, 1);
  CHECK_FALSE(cache.load(6, 16).embeddings);
  cache.store(values.data(), 6, 16);
  const auto found = cache.load(6, 16);
  REQUIRE(found.embeddings);
  CHECK(found.damage.empty());
  CHECK(std::equal(values.begin(), values.end(), found.embeddings->begin()));
}

TEST_CASE("a damaged cache file is never used and says why", "[text_bank_cache]") {
  const TextBankCache cache(fresh_folder("damage"), kKey);
  const auto values = testing::random_normal(6 * 16, 1);
  cache.store(values.data(), 6, 16);
  const std::string good = read_text_file(cache.path());
  std::string bad;
  SECTION("a flipped bit in any part") {
    for (size_t at = 0; at < good.size(); at += 7) {
      bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 4);
      write_file_atomically(cache.path(), bad);
      const auto found = cache.load(6, 16);
      REQUIRE_FALSE(found.embeddings);
      REQUIRE_FALSE(found.damage.empty());
    }
  }
  SECTION("truncated, empty, longer") {
    for (const std::string& text : {good.substr(0, 100), std::string(), good + "x"}) {
      write_file_atomically(cache.path(), text);
      const auto found = cache.load(6, 16);
      CHECK_FALSE(found.embeddings);
      CHECK_FALSE(found.damage.empty());
    }
  }
  SECTION("the shape of other classes") {
    CHECK_FALSE(cache.load(16, 6).embeddings);
  }
}

TEST_CASE("two writers of one key leave a whole file", "[text_bank_cache]") {
  const TextBankCache cache(fresh_folder("race"), kKey);
  const auto values = testing::random_normal(64 * 64, 1);
  const auto writer = [&] {
    for (int i = 0; i < 20; ++i) cache.store(values.data(), 64, 64);
  };
  std::thread other(writer);
  writer();
  other.join();
  CHECK(cache.load(64, 64).embeddings);
  const auto files = std::distance(std::filesystem::directory_iterator(cache.path().parent_path()), {});
  CHECK(files == 1);
}
