// Counting, measures, what is kept of a run, and the table of published figures.
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "core/file.h"
#include "evaluation/confusion.h"
#include "evaluation/data_set.h"
#include "evaluation/matrix_store.h"
#include "evaluation/published.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace sclip {
namespace {

using testing::TemporaryFolder;

TEST_CASE("pixels that do not count are in no cell, and a label without a class is wrong", "[evaluation]") {
  const GroundTruth truth{4, 2, {0, 0, 1, kIgnoredLabel, 1, 2, 2, kIgnoredLabel}};
  const std::vector<uint16_t> said = {0, 1, 1, 0, 1, 2, 255, 255};
  const Confusion found = count(truth, said, 4, 2, 3);
  Confusion expected(3);
  expected.add(0, 0, 1);
  expected.add(0, 1, 1);
  expected.add(1, 1, 2);
  expected.add(2, 2, 1);
  expected.add(2, 3, 1);  // no class
  CHECK(found == expected);
  CHECK(found.pixels() == 6);

  const Measures m = measure(found);
  CHECK(m.classes[0].iou == 1.0 / 2);
  CHECK(m.classes[1].iou == 2.0 / 3);
  CHECK(m.classes[2].iou == 1.0 / 2);
  CHECK(m.pixel_accuracy == 4.0 / 6);
  CHECK(m.mean_accuracy == (0.5 + 1 + 0.5) / 3);
  CHECK(std::abs(m.mean_iou - (0.5 + 2.0 / 3 + 0.5) / 3) < 1e-15);
  CHECK_THROWS_AS(count(truth, said, 2, 4, 3), Error);
}

TEST_CASE("a class that is nowhere has no number, and one that is only said has 0", "[evaluation]") {
  Confusion matrix(3);
  matrix.add(0, 0, 5);
  matrix.add(0, 1, 5);
  const Measures m = measure(matrix);
  CHECK(m.classes[1].iou == 0);
  CHECK(std::isnan(m.classes[1].accuracy));
  CHECK(std::isnan(m.classes[2].iou));
  CHECK(m.mean_iou == 0.25);
  CHECK(m.mean_accuracy == 0.5);
  const Measures nothing = measure(Confusion(2));
  CHECK(std::isnan(nothing.mean_iou));
  CHECK(std::isnan(nothing.pixel_accuracy));
}

TEST_CASE("counts go beyond 32 bits", "[evaluation]") {
  Confusion sum(1);
  Confusion photo(1);
  photo.add(0, 0, int64_t{1} << 31);
  for (int i = 0; i < 8; ++i) sum += photo;
  CHECK(sum.at(0, 0) == int64_t{1} << 34);
}

Confusion some_matrix(int64_t pixels) {
  Confusion out(4);
  out.add(1, 4, pixels);
  out.add(3, 0, 2);
  return out;
}

TEST_CASE("matrices are kept, and those of a file that has changed are not found", "[evaluation]") {
  TemporaryFolder folder;
  const auto file = folder / "kept.jsonl";
  const SampleIdentity first{{10, 20}, {30, 40}}, changed{{10, 20}, {31, 40}};
  {
    MatrixStore store(file, 4);
    CHECK(store.find("a", first) == nullptr);
    store.add("a", first, some_matrix(7));
    store.add("b/\"ü", first, some_matrix(8));
    REQUIRE(store.find("a", first) != nullptr);
  }
  MatrixStore store(file, 4);
  REQUIRE(store.find("a", first) != nullptr);
  CHECK(*store.find("a", first) == some_matrix(7));
  CHECK(*store.find("b/\"ü", first) == some_matrix(8));
  CHECK(store.find("a", changed) == nullptr);
  store.add("a", changed, some_matrix(9));
  CHECK(*MatrixStore(file, 4).find("a", changed) == some_matrix(9));
  CHECK_THROWS_AS(MatrixStore(file, 5), Error);
}

TEST_CASE("a file of matrices may end anywhere", "[evaluation]") {
  TemporaryFolder folder;
  const auto file = folder / "kept.jsonl";
  const SampleIdentity identity{{1, 2}, {3, 4}};
  {
    MatrixStore store(file, 4);
    store.add("a", identity, some_matrix(7));
    store.add("b", identity, some_matrix(8));
  }
  const std::string whole = read_text_file(file);
  const size_t second = whole.rfind('\n', whole.size() - 2) + 1;
  for (size_t length = 0; length <= whole.size(); ++length) {
    std::ofstream(file, std::ios::trunc | std::ios::binary) << whole.substr(0, length);
    const size_t head = whole.find('\n') + 1;
    MatrixStore store(file, 4);
    CHECK((store.find("a", identity) != nullptr) == (length >= second));
    CHECK((store.find("b", identity) != nullptr) == (length == whole.size()));
    store.add("c", identity, some_matrix(1));
    const std::string again = read_text_file(file);
    CHECK(again.substr(0, head) == whole.substr(0, head));
    CHECK(*MatrixStore(file, 4).find("c", identity) == some_matrix(1));
  }
  std::ofstream(file, std::ios::trunc | std::ios::binary) << "my thesis\n";
  CHECK_THROWS_AS(MatrixStore(file, 4), Error);
  CHECK(read_text_file(file) == "my thesis\n");
}

TEST_CASE("published figures are found by set, policy, refinement and protocol", "[evaluation]") {
  const std::vector<std::string> sclip = {"sclip"}, random = {"random:n=1", "random-1"};
  const auto usual = published("voc21", sclip, "none", {});
  REQUIRE(usual.size() == 2);
  CHECK(usual[0].mean_iou == 59.63);
  CHECK(published("voc21", sclip, "none", {}, 1)[0].mean_iou == 59.1);
  CHECK(published("voc21", sclip, "pamr", {}).at(0).mean_iou == 61.7);
  CHECK(published("context59", sclip, "none", {448, 224, 112}, 4).at(0).mean_iou == 35.3);
  CHECK(published("coco_stuff164k", random, "none", {}).at(0).mean_iou == 20.6);
  CHECK(published("coco_stuff10k", sclip, "none", {}).at(0).mean_iou == 25.91);
  CHECK(published("camvid", sclip, "none", {}).empty());

  CHECK(table_sets(1).size() == 8);
  CHECK(table_sets(3) == std::vector<std::string_view>{"voc21", "context59", "coco_stuff164k"});
  CHECK_THROWS_AS(table_sets(5), Error);
  for (const std::string_view name : kPublishedSets) CHECK(find_data_set_kind(name).name == name);
}

// The mean of a row is what the papers print.
TEST_CASE("rows of published figures have their published means", "[evaluation]") {
  struct Mean {
    std::string_view policy, refine;
    int table;
    double mean;
  };
  for (const Mean& known : {Mean{"clip", "none", 1, 14.1},
                            {"maskclip", "none", 1, 30.3},
                            {"sclip", "none", 1, 38.2},
                            {"sclip", "pamr", 1, 40.1},
                            {"naclip", "none", 0, 39.4},
                            {"resclip", "none", 0, 41.4},
                            {"sc-clip", "none", 0, 43.9},
                            {"rf-clip", "none", 0, 44.2},
                            {"rf-clip", "pamr", 0, 45.5},
                            {"dih-clip", "none", 0, 43.6},
                            {"pearl", "pearl", 0, 43.2},
                            {"sfp", "none", 0, 39.6},
                            {"gem", "none", 0, 38.3}}) {
    size_t rows = 0;
    for (const PublishedRow& row : published_rows()) {
      if (row.policy != known.policy || row.refine != known.refine || row.table != known.table) continue;
      ++rows;
      double sum = 0;
      for (size_t i = 0; i < 8; ++i) sum += row.mean_iou[i];
      INFO(row.policy << " " << row.refine);
      CHECK(std::abs(sum / 8 - known.mean) < 0.06);
    }
    CHECK(rows == 1);
  }
}

}  // namespace
}  // namespace sclip
