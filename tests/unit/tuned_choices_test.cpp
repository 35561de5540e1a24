#include "backends/tuned_choices.h"

#include "core/atomic_file.h"
#include "core/file.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

using namespace sclip;

namespace {

const std::vector<TunedChoices::Measured> kMeasured{
    {"lib 1", "a library", 30}, {"own", "a kernel", 10}, {"lib 2", "", 20}};

}  // namespace

TEST_CASE("tuned choices: the fastest is taken, and what is taken otherwise stands beside it") {
  TunedChoices choices(std::nullopt, "machine");
  CHECK(choices.find("fc1") == std::nullopt);
  CHECK(choices.choose("fc1", "fc1, 8 rows", kMeasured) == 1);
  CHECK(choices.find("fc1") == "own");
  REQUIRE(choices.notes().size() == 1);
  const TuningNote note = choices.notes()[0];
  CHECK(note.what == "fc1, 8 rows");
  CHECK(note.chosen == "a kernel");
  CHECK(note.microseconds == 10);
  CHECK(note.otherwise == "a library");
  CHECK(note.otherwise_microseconds == 30);
  CHECK_FALSE(note.from_file);
  CHECK_THROWS_AS(choices.choose("fc2", "fc2", {}), Error);
}

TEST_CASE("tuned choices: the next run on the same machine starts from them, another machine does not") {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "sub/tuning.tsv";
  {
    TunedChoices choices(file, "machine\twith a tab");
    choices.choose("fc1", "what", kMeasured);
    choices.choose("key\nof two lines", "what", {{"x", "y", 1}});
  }
  TunedChoices same(file, "machine\twith a tab");
  CHECK(same.find("fc1") == "own");
  CHECK(same.find("key\nof two lines") == "x");
  CHECK(same.notes().size() == 2);
  CHECK(same.notes()[0].from_file);
  TunedChoices other(file, "another driver");
  CHECK(other.find("fc1") == std::nullopt);
  other.choose("fc2", "what", kMeasured);
  CHECK(TunedChoices(file, "machine\twith a tab").find("fc1") == std::nullopt);
}

TEST_CASE("tuned choices: what is damaged is measured anew, and a file that cannot be written is said") {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "tuning.tsv";
  for (const std::string_view text :
       {"", "sclip tuning 1", "sclip tuning 0\nmachine\nfc1\town\ta\tb\t1\tc\t2\n",
        "sclip tuning 1\nmachine\nfc1\town\ta\tb\tnan\tc\t2\n", "sclip tuning 1\nmachine\nfc1\town\ta\tb\t-1\tc\t2\n",
        "sclip tuning 1\nmachine\nfc1\town\ta\tb\t1\tc\n"}) {
    write_file_atomically(file, text);
    CHECK(TunedChoices(file, "machine").find("fc1") == std::nullopt);
  }
  write_file_atomically(file, std::string_view("sclip tuning 1\nmachine\nfc1\town\ta\tb\t1\tc\t2\n"));
  CHECK(TunedChoices(file, "machine").find("fc1") == "own");

  TunedChoices lost(file / "below a file", "machine");
  CHECK(lost.choose("fc1", "what", kMeasured) == 1);
  CHECK(lost.find("fc1") == "own");
  REQUIRE(lost.notes().size() == 2);
  CHECK(lost.notes()[1].what == "the choices were not kept");
}
