#include "apps/photo_list.h"

#include <unistd.h>

#include <fstream>

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

std::vector<std::string> masks(const std::vector<PhotoJob>& jobs, const fs::path& out) {
  std::vector<std::string> names;
  for (const PhotoJob& job : jobs) names.push_back(job.place.file("mask.png").lexically_relative(out).string());
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

TEST_CASE("outputs of an earlier run are no photos") {
  const TemporaryFolder folder;
  for (const char* name : {"in/a.jpg", "in/out/a.mask.png", "in/a.mask.png", "in/a.per-class/0-sky.png"})
    folder.make(name);
  const std::vector<std::string> inputs = {folder / "in"};
  CHECK(masks(list_photos(inputs, folder / "in"), folder / "in") == Names{"a.mask.png"});
  // Elsewhere such a name is a photo like any other.
  CHECK(masks(list_photos(inputs, folder / "in/out"), folder / "in/out") ==
        Names{"a.mask.png", "a.mask.mask.png", "a.per-class/0-sky.mask.png"});
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
