#include "results/own_files.h"

#include <sys/stat.h>

#include <fstream>

#include "core/atomic_file.h"
#include "core/temporary_files.h"
#include "io/jpeg_write.h"
#include "io/png_write.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

using namespace sclip;

namespace {

namespace fs = std::filesystem;

std::vector<std::byte> small_png() {
  ThreadPool pool(1);
  const std::vector<uint16_t> labels(6, 1);
  return encode_png_grey({labels.data(), 3, 2}, 2, pool);
}

std::string refusal(const OverwriteGuard& guard, const fs::path& target) {
  try {
    guard.check(target);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("own files: the marks of pictures and JSON, and result.json for what cannot bear one") {
  const testing::TemporaryFolder folder;
  const auto path = [&](const char* name) { return folder.path() / name; };
  write_file_atomically(path("any name.png"), small_png());
  CHECK(written_by_sclip(path("any name.png")));

  // The same picture, as every other program writes it: without the text chunk of 4 + 4 + 14 + 4 bytes.
  auto foreign = small_png();
  foreign.erase(foreign.begin() + 33, foreign.begin() + 33 + 26);
  write_file_atomically(path("a.mask.png"), foreign);
  CHECK_FALSE(written_by_sclip(path("a.mask.png")));
  write_file_atomically(path("short.png"), std::span<const std::byte>(foreign).first(20));
  CHECK_FALSE(written_by_sclip(path("short.png")));

  const std::vector<uint8_t> pixels(16 * 9 * 3, 90);
  std::vector<std::byte> jpeg = encode_jpeg_rgb({.pixels = pixels.data(), .width = 16, .height = 9});
  write_file_atomically(path("any name.jpg"), jpeg);
  CHECK(written_by_sclip(path("any name.jpg")));
  jpeg.erase(jpeg.begin() + 20, jpeg.begin() + 20 + 19);  // the comment
  write_file_atomically(path("foreign.jpg"), jpeg);
  CHECK_FALSE(written_by_sclip(path("foreign.jpg")));

  write_file_atomically(path("a.logits.npy"), std::string_view("numbers"));
  CHECK_FALSE(written_by_sclip(path("a.logits.npy")));
  write_file_atomically(path("a.result.json"), std::string_view(R"({"outputs": {"logits": "a.logits.npy"}})"));
  CHECK_FALSE(written_by_sclip(path("a.result.json")));  // without the mark it is another program's
  CHECK_FALSE(written_by_sclip(path("a.logits.npy")));
  write_file_atomically(path("a.result.json"),
                        std::string_view("{\n  \"software\": \"sclip\", \"outputs\": {\"logits\": \"a.logits.npy\"}}"));
  CHECK(written_by_sclip(path("a.result.json")));
  CHECK(written_by_sclip(path("a.logits.npy")));
  write_file_atomically(path("b.logits.npy"), std::string_view("numbers"));
  CHECK_FALSE(written_by_sclip(path("b.logits.npy")));
  CHECK_FALSE(written_by_sclip(path("missing.png")));
}

TEST_CASE("own files: a run replaces its own, with leave any file, and never an input or what is no file") {
  const testing::TemporaryFolder folder;
  const auto path = [&](const char* name) { return folder.path() / name; };
  write_file_atomically(path("own.png"), small_png());
  write_file_atomically(path("truth.png"), std::string_view("my ground truth"));
  fs::create_hard_link(path("own.png"), path("link.png"));
  fs::create_directory(path("folder.png"));
  REQUIRE(::mkfifo(path("pipe.png").c_str(), 0600) == 0);

  OverwriteGuard careful, bold(true);
  for (const OverwriteGuard* guard : {&careful, &bold}) {
    CHECK(refusal(*guard, path("new.png")).empty());
    CHECK(refusal(*guard, path("own.png")).empty());
    CHECK(refusal(*guard, path("folder.png")).find("a folder has that name") != std::string::npos);
    CHECK(refusal(*guard, path("pipe.png")).find("no regular file") != std::string::npos);
  }
  CHECK(refusal(careful, path("truth.png")).find("sclip did not write it") != std::string::npos);
  CHECK(refusal(bold, path("truth.png")).empty());
  for (OverwriteGuard* guard : {&careful, &bold}) {
    guard->protect(path("own.png"));
    CHECK(refusal(*guard, path("own.png")).find("this run reads") != std::string::npos);
    CHECK(refusal(*guard, path("link.png")).find("this run reads") != std::string::npos);  // the same file
  }
}

TEST_CASE("temporary files of processes that are gone are removed once they are old, and nothing else") {
  const testing::TemporaryFolder folder;
  const auto make = [&](const std::string& name, int hours) {
    std::ofstream(folder.path() / name) << "x";
    fs::last_write_time(folder.path() / name, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  // Above what Linux gives as a process number.
  const std::string gone = ".sclip-1999999999-0", mine = temporary_files::suffix(0);
  make("mask.png" + gone, 2);
  make("fresh.png" + gone, 0);
  make("running.png" + mine, 2);
  for (const char* name :
       {"photo.sclip-12x-3", ".sclip-1999999999-0", "a.sclip-1999999999", "b.sclip-1999999999-", "c.png"}) {
    make(name, 2);
  }
  CHECK(temporary_files::remove_stale(folder.path()) == 1);
  CHECK_FALSE(fs::exists(folder.path() / ("mask.png" + gone)));
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 7);
  CHECK(temporary_files::remove_stale(folder.path() / "missing") == 0);
}
