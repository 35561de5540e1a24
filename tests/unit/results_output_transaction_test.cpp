#include "results/output_transaction.h"

#include <unistd.h>

#include "core/atomic_file.h"
#include "core/file.h"
#include "core/npy.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

struct OutputFolder {
  testing::TemporaryFolder outer;
  fs::path path = outer.path() / "deep/er";
  OutputFolder() { make_output_folder(path); }
  fs::path operator/(const char* name) const { return path / name; }
  ptrdiff_t files() const { return std::distance(fs::directory_iterator(path), fs::directory_iterator()); }
};

TEST_CASE("files appear with the commit, all of them") {
  const OutputFolder folder;
  {
    OutputTransaction outputs;
    outputs.add(folder / "a", "first");
    outputs.add(folder / "b", "second");
    CHECK(!fs::exists(folder / "a"));
    outputs.commit();
  }
  CHECK(read_text_file(folder / "a") == "first");
  CHECK(read_text_file(folder / "b") == "second");
  CHECK(folder.files() == 2);
}

TEST_CASE("without a commit old files stay and no new ones") {
  const OutputFolder folder;
  write_file_atomically(folder / "a", "old");
  {
    OutputTransaction outputs;
    outputs.add(folder / "a", "new");
    outputs.add_npy(folder / "b.npy", {100});
  }
  CHECK(read_text_file(folder / "a") == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("an array in a file keeps what was put in it") {
  const OutputFolder folder;
  OutputTransaction outputs;
  const std::span<float> values = outputs.add_npy(folder / "a.npy", {2, 3, 5});
  REQUIRE(values.size() == 30);
  for (size_t i = 0; i < 30; ++i) values[i] = static_cast<float>(i);
  outputs.commit();
  const NpyArray read = read_npy(folder / "a.npy");
  CHECK(read.shape == Shape{2, 3, 5});
  for (int i = 0; i < 30; ++i) CHECK(read.as<float>()[i] == static_cast<float>(i));
}

TEST_CASE("a folder that is made for files goes without a commit, and one that was there stays") {
  const OutputFolder folder;
  fs::create_directory(folder / "old");
  const auto add = [&](OutputTransaction& outputs) {
    for (const char* name : {"old", "new"}) {
      outputs.add_folder(folder / name);
      outputs.add(folder / name / "a", "text");
    }
  };
  {
    OutputTransaction outputs;
    add(outputs);
    CHECK(fs::exists(folder / "new"));
  }
  CHECK(fs::is_empty(folder / "old"));
  CHECK(folder.files() == 1);
  {
    OutputTransaction outputs;
    add(outputs);
    outputs.commit();
  }
  CHECK(read_text_file(folder / "old/a") == "text");
  CHECK(read_text_file(folder / "new/a") == "text");
  write_file_atomically(folder / "file", "x");
  OutputTransaction outputs;
  CHECK_THROWS_WITH(outputs.add_folder(folder / "file"), Catch::Matchers::Contains("/file: "));
}

TEST_CASE("what is retired goes with the commit, before the first new name") {
  const OutputFolder folder;
  for (const char* name : {"stale", "a", "b"}) write_file_atomically(folder / name, "old");
  fs::create_directory(folder / "taken");
  {
    OutputTransaction outputs;
    outputs.retire(folder / "stale");
    outputs.retire(folder / "never was");
    outputs.add(folder / "taken", "a file cannot take a folder's name");
    outputs.add(folder / "a", "new");
    CHECK(fs::exists(folder / "stale"));
    CHECK_THROWS_AS(outputs.commit(), Error);
  }
  CHECK_FALSE(fs::exists(folder / "stale"));
  CHECK(read_text_file(folder / "a") == "old");
  CHECK(folder.files() == 3);
}

TEST_CASE("a folder that cannot be is an error that names it") {
  const OutputFolder folder;
  write_file_atomically(folder / "file", "x");
  std::string message;
  try {
    make_output_folder(folder / "file/out");
  } catch (const Error& error) {
    message = error.what();
    CHECK(error.code() == ErrorCode::kIo);
  }
  CHECK(message.find("file/out: Not a directory") != std::string::npos);
}

}  // namespace
}  // namespace sclip
