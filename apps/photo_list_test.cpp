#include "apps/photo_list.h"
#include "apps/line_list.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/atomic_file.h"
#include "io/png_write.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder : public testing::TemporaryFolder {
 public:
  std::string make(const std::string& name) const {
    fs::create_directories((path() / name).parent_path());
    std::ofstream(path() / name) << "x";
    return (path() / name).string();
  }
  std::string operator/(const std::string& name) const { return (path() / name).string(); }
};

std::vector<std::string> masks(const PhotoList& list, const fs::path& out) {
  std::vector<std::string> names;
  for (const PhotoJob& job : list.jobs) names.push_back(job.place.file("mask.png").lexically_relative(out).string());
  return names;
}

std::string error_of(const std::vector<std::string>& inputs) {
  try {
    list_photos(inputs, "out");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

using Names = std::vector<std::string>;

TEST_CASE("one photo gets plain output names") {
  const TemporaryFolder folder;
  const std::vector<std::string> inputs = {folder.make("a.jpg")};
  CHECK(masks(list_photos(inputs, folder / "out"), folder / "out") == Names{"mask.png"});
}

TEST_CASE("a folder is searched in order, its structure kept") {
  const TemporaryFolder folder;
  for (const char* name :
       {"in/b.PNG", "in/a.jpg", "in/sub/c.jpeg", "in/notes.txt", "in/.hidden.jpg", "in/.git/x.png"}) {
    folder.make(name);
  }
  const std::vector<std::string> inputs = {folder / "in"};
  CHECK(masks(list_photos(inputs, folder / "out"), folder / "out") ==
        Names{"a.mask.png", "b.mask.png", "sub/c.mask.png"});
}

TEST_CASE("photos that share a stem keep their extension") {
  const TemporaryFolder folder;
  for (const char* name : {"in/a.jpg", "in/a.png", "in/b.jpg"}) folder.make(name);
  const std::vector<std::string> inputs = {folder / "in"};
  CHECK(masks(list_photos(inputs, folder / "out"), folder / "out") ==
        Names{"a.jpg.mask.png", "a.png.mask.png", "b.mask.png"});
}

TEST_CASE("photos of the same name from several places are numbered") {
  const TemporaryFolder folder;
  const std::vector<std::string> files = {folder.make("x/a.jpg"), folder.make("y/a.jpg")};
  CHECK(masks(list_photos(files, folder / "out"), folder / "out") == Names{"a.jpg.mask.png", "a.jpg-2.mask.png"});
  const std::vector<std::string> folders = {folder / "x", folder / "y/"};
  CHECK(masks(list_photos(folders, folder / "out"), folder / "out") == Names{"x/a.mask.png", "y/a.mask.png"});
}

TEST_CASE("what sclip wrote is no photo, what is called like it is") {
  const TemporaryFolder folder;
  for (const char* name : {"in/a.jpg", "in/mine.mask.png"}) folder.make(name);
  ThreadPool pool(1);
  const std::vector<uint16_t> labels(4, 0);
  const auto png = encode_png_class({labels.data(), 2, 2}, 0, pool);
  for (const char* name : {"in/a.mask.png", "in/run 1/a.overlay.png", "in/run 1/renamed.png"}) {
    write_file_atomically(folder.make(name), png);
  }
  const std::vector<std::string> inputs = {folder / "in"};
  for (const std::string& out : {folder / "in", folder / "in/run 1", folder / "elsewhere"}) {
    const PhotoList list = list_photos(inputs, out);
    CHECK(masks(list, out) == Names{"a.mask.png", "mine.mask.mask.png"});
    CHECK(list.own_outputs == (out.ends_with("run 1") ? 1 : 3));  // the output folder is not searched
  }
  CHECK(list_photos(inputs, folder / "out").left_out() == "left out: 3 files that sclip wrote");
}

TEST_CASE("formats that are not read and folders that may not be searched are counted") {
  const TemporaryFolder folder;
  for (const char* name : {"in/a.jpg", "in/b.JXL", "in/c.cr2", "in/d.nef", "in/notes.txt", "in/locked/e.jpg"}) {
    folder.make(name);
  }
  const std::vector<std::string> inputs = {folder / "in"};
  const PhotoList list = list_photos(inputs, folder / "out");
  CHECK(list.foreign == std::map<std::string, size_t>{{"JPEG XL", 1}, {"raw", 2}});
  CHECK(list.left_out() == "left out: 3 pictures of formats that are not read (JPEG XL, raw)");

  fs::permissions(folder / "in/locked", fs::perms::none);
  const bool may_anything = ::access((folder / "in/locked").c_str(), R_OK) == 0;  // root
  const PhotoList less = list_photos(inputs, folder / "out");
  fs::permissions(folder / "in/locked", fs::perms::owner_all);
  CHECK(less.jobs.size() == (may_anything ? 2 : 1));
  CHECK(less.locked == (may_anything ? Names{} : Names{folder / "in/locked"}));
}

TEST_CASE("names that differ in case only are the same name") {
  const TemporaryFolder folder;
  for (const char* name : {"in/a.jpg", "in/A.png", "in/B.jpg"}) folder.make(name);
  const std::vector<std::string> inputs = {folder / "in"};
  CHECK(masks(list_photos(inputs, folder / "out"), folder / "out") ==
        Names{"A.png.mask.png", "B.mask.png", "a.jpg.mask.png"});
}

TEST_CASE("pipes are refused without being opened, standard input is taken once") {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe.jpg";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(error_of({pipe}).find("pipe.jpg: not a regular file") != std::string::npos);
  CHECK(error_of({"-", "-"}).find("given twice") != std::string::npos);
  const std::vector<std::string> inputs = {"-"};
  CHECK(masks(list_photos(inputs, folder / "out"), folder / "out") == Names{"mask.png"});
  CHECK(masks(list_photos(inputs, folder / "out", true), folder / "out") == Names{"stdin.mask.png"});
}

TEST_CASE("a list of paths is lines, or pieces that end in NUL") {
  const TemporaryFolder folder;
  const auto listed = [&](std::string_view text) {
    write_file_atomically(folder / "list", text);
    return read_line_list(folder / "list", "--files-from", true);
  };
  CHECK(listed("\xef\xbb\xbf"
               "a.jpg\nb c.png\r\n\n#d.jpg") == Names{"a.jpg", "b c.png", "#d.jpg"});
  using namespace std::string_view_literals;
  CHECK(listed("a\n1.jpg\0b.jpg\0"sv) == Names{"a\n1.jpg", "b.jpg"});
  CHECK_THROWS_AS(listed("\n\n"), Error);
}

TEST_CASE("inputs that are not there are named") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "empty");
  const std::vector<std::string> missing = {folder / "missing.jpg"};
  const std::vector<std::string> empty = {folder / "empty"};
  CHECK(error_of(missing).find("missing.jpg: No such file") != std::string::npos);
  CHECK(error_of(empty).find("no picture in") != std::string::npos);
}

}  // namespace
}  // namespace sclip
