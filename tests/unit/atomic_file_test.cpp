#include "core/atomic_file.h"

#include <filesystem>
#include <string>

#include "core/file.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

using namespace sclip;
using Catch::Matchers::Contains;

namespace {

namespace fs = std::filesystem;

using Folder = testing::TemporaryFolder;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

TEST_CASE("a file appears with its commit, whole, in place of an older one", "[atomic_file]") {
  const Folder folder;
  write_file_atomically(folder / "a", "old");
  AtomicFile file(folder / "a");
  file.write(bytes("new "));
  file.write(bytes("text"));
  CHECK(read_text_file(folder / "a") == "old");
  file.commit();
  CHECK(read_text_file(folder / "a") == "new text");
  CHECK(folder.files() == 1);
}

TEST_CASE("without a commit nothing appears and nothing stays", "[atomic_file]") {
  const Folder folder;
  {
    AtomicFile file(folder / "a"), finished(folder / "b");
    file.write(bytes("text"));
    finished.write(bytes("text"));
    finished.finish();
    CHECK(folder.files() == 2);
  }
  CHECK(folder.files() == 0);
}

TEST_CASE("two writers of one name do not meet: the last commit counts", "[atomic_file]") {
  const Folder folder;
  AtomicFile first(folder / "a"), second(folder / "a");
  first.write(bytes("first"));
  second.write(bytes("second"));
  second.commit();
  first.commit();
  CHECK(read_text_file(folder / "a") == "first");
  CHECK(folder.files() == 1);
}

TEST_CASE("a reserved file has its size, holds zeros and is filled in place", "[atomic_file]") {
  const Folder folder;
  AtomicFile file(folder / "a");
  file.reserve(10);
  file.write(bytes("head"));
  const std::span<std::byte> map = file.map();
  REQUIRE(map.size() == 10);
  map[9] = std::byte{'!'};
  file.commit();
  CHECK(read_text_file(folder / "a") == std::string("head\0\0\0\0\0!", 10));
}

TEST_CASE("a file that cannot be is an error that names it and the reason", "[atomic_file]") {
  const Folder folder;
  CHECK_THROWS_WITH(AtomicFile(folder / "none/a"), Contains("none/a: No such file or directory"));
  fs::create_directory(folder / "taken");
  CHECK_THROWS_WITH(write_file_atomically(folder / "taken", "x"), Contains("taken: Is a directory"));
  CHECK(folder.files() == 1);
}

TEST_CASE("whoever ends early removes what has no final name yet, and nothing else", "[atomic_file]") {
  const Folder folder;
  write_file_atomically(folder / "done", "x");
  fs::create_directory(folder / "made");
  AtomicFile here(folder / "a"), there(folder / "made/b");
  {
    const temporary_files::Lock lock(temporary_files::mutex());
    temporary_files::remember(folder / "made");
    temporary_files::remove_all();
    temporary_files::forget(folder / "made");
  }
  CHECK(folder.files() == 1);
  CHECK(fs::exists(folder / "done"));
}
