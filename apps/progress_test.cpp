#include "apps/progress.h"

#include "apps/console.h"
#include "apps/table.h"
#include "tests/catch.h"

namespace sclip {
namespace {

TEST_CASE("the bar says how far, how fast and how long") {
  CHECK(progress_bar(0, 4, 0, "", 80) == "[------------------------] 0/4");
  CHECK(progress_bar(3, 4, 2, "c.jpg", 80) == "[##################------] 3/4  2.0 photos/s  0 s left  c.jpg");
  CHECK(progress_bar(4, 4, 12.4, "d.jpg", 80) == "[########################] 4/4  12 photos/s  d.jpg");
  CHECK(progress_bar(1, 1000, 1, "", 80) == "[------------------------] 1/1000  1.0 photos/s  17 min left");
}

TEST_CASE("of a long path the end stays") {
  CHECK(progress_bar(1, 1, 0, "a/folder/of/a/long/name/china.jpg", 50) ==
        "[########################] 1/1  …name/china.jpg");
}

TEST_CASE("the bar never fills the line") {
  const std::string name(300, 'x');
  for (int columns = 5; columns < 120; ++columns) {
    CAPTURE(columns);
    CHECK(progress_bar(3, 4, 2, name, columns).size() < static_cast<size_t>(columns));
  }
}

TEST_CASE("messages are one line whatever is in them") {
  CHECK(one_line("a\nb\tc\x1b[2J\n") == "a b c [2J");
  CHECK(counted(1, "photo") == "1 photo");
  CHECK(counted(2, "photo") == "2 photos");
}

TEST_CASE("tables align by characters, not bytes") {
  CHECK(format_table({{"class", "share"}, {"bäume", "5.0%"}, {"x", "95.0%"}}) ==
        "  class  share\n  bäume   5.0%\n  x      95.0%\n");
  CHECK(readable_bytes(24.5 * 1024 * 1024) == "24.5 MiB");
  CHECK(percent(0.31249) == "31.2%");
}

}  // namespace
}  // namespace sclip
