#include "results/rle.h"

#include <vector>

#include "tests/catch.h"

// Strings derived by hand from the rule in results/rle.h; tests/python/test_cli_results.py asks pycocotools.
namespace sclip {
namespace {

struct Picture {
  int width, height;
  std::vector<uint16_t> labels;
  LabelView view() const { return {labels.data(), width, height}; }
};

TEST_CASE("rle: a picture of one class") {
  // 0 zeros, then 1, 15, 16, 100 ones. 16 = 0b10000 needs a second character, or its highest bit would be a sign:
  // '0' + (16 | 32) = '`', then 0. 100 = 3 · 32 + 4: '0' + (4 | 32) = 'T', then '3'.
  const auto [size, counts] =
      GENERATE(std::pair(1, "01"), std::pair(15, "0?"), std::pair(16, "0`0"), std::pair(100, "0T3"));
  const Picture picture{size, 1, std::vector<uint16_t>(static_cast<size_t>(size), 7)};
  const std::vector<ClassRle> rles = encode_rle(picture.view());
  REQUIRE(rles.size() == 1);
  CHECK(rles[0].label == 7);
  CHECK(rles[0].counts == counts);
  CHECK(rles[0].area == size);
}

TEST_CASE("rle: columns come before rows, and each class has its rectangle") {
  // 0 0 2
  // 0 2 2     by columns: 0 0 0 2 2 2
  const std::vector<ClassRle> rles = encode_rle(Picture{3, 2, {0, 0, 2, 0, 2, 2}}.view());
  REQUIRE(rles.size() == 2);
  CHECK(rles[0].label == 0);
  CHECK(rles[0].counts == "033");  // 0 zeros, 3 ones, 3 zeros
  CHECK(rles[0].area == 3);
  CHECK((rles[0].x == 0 && rles[0].y == 0 && rles[0].width == 2 && rles[0].height == 2));
  CHECK(rles[1].label == 2);
  CHECK(rles[1].counts == "33");  // nothing after the last ones
  CHECK((rles[1].x == 1 && rles[1].y == 0 && rles[1].width == 2 && rles[1].height == 2));
}

TEST_CASE("rle: from the fourth count on, the difference to the one two before") {
  // 1 row: 20 of class 1, 2 of class 0, 3 of 1, 5 of 0, 1 of 1.
  Picture picture{31, 1, {}};
  for (const auto& [label, count] :
       {std::pair(1, 20), std::pair(0, 2), std::pair(1, 3), std::pair(0, 5), std::pair(1, 1)}) {
    picture.labels.insert(picture.labels.end(), static_cast<size_t>(count), static_cast<uint16_t>(label));
  }
  const std::vector<ClassRle> rles = encode_rle(picture.view());
  REQUIRE(rles.size() == 2);
  // Class 0: 20 2 3 5 1 → 20, 2, 3, 5 − 2 = 3, 1 − 3 = −2. 20 = 0b10100 needs two characters: 'd' '0'.
  // −2: the low bits 11110 end with the sign: '0' + 30 = 'N'.
  CHECK(rles[0].counts == "d0233N");
  // Class 1: 0 20 2 3 5 1 → 0, 20, 2, 3 − 20 = −17, 5 − 2 = 3, 1 − 3 = −2.
  // −17 = …01111 in its low bits, which lacks the sign: '0' + (15 | 32) = '_', then −1 = '0' + 31 = 'O'.
  CHECK(rles[1].counts == "0d02_O3N");
  CHECK((rles[1].x == 0 && rles[1].width == 31 && rles[1].y == 0 && rles[1].height == 1));
}

TEST_CASE("rle: a picture wider than the columns read at once, and all of its classes") {
  Picture picture{100, 3, std::vector<uint16_t>(300)};
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 100; ++x) picture.labels[static_cast<size_t>(y * 100 + x)] = static_cast<uint16_t>(x);
  const std::vector<ClassRle> rles = encode_rle(picture.view());
  REQUIRE(rles.size() == 100);
  for (int x = 0; x < 100; ++x) {
    const ClassRle& rle = rles[static_cast<size_t>(x)];
    CHECK((rle.label == x && rle.area == 3 && rle.x == x && rle.y == 0 && rle.width == 1 && rle.height == 3));
  }
  // 150 zeros: 150 = 4 · 32 + 22, 'f' and '4'; 3 ones; 147 zeros: 4 · 32 + 19, 'c' and '4'.
  CHECK(rles[50].counts == "f43c4");
}

TEST_CASE("rle: a rectangle of a run that goes on in the next column covers its whole height") {
  // . . .
  // 1 . .     by columns: . 1 1 . . .
  // hence rows 0 and 1 of columns 0 and 1
  const std::vector<ClassRle> rles = encode_rle(Picture{3, 2, {0, 1, 0, 1, 0, 0}}.view());
  REQUIRE(rles.size() == 2);
  CHECK(rles[1].counts == "123");
  CHECK((rles[1].x == 0 && rles[1].y == 0 && rles[1].width == 2 && rles[1].height == 2));
}

}  // namespace
}  // namespace sclip
