#include "io/preview.h"

#include <algorithm>
#include <vector>

#include "tests/catch.h"

namespace sclip {
namespace {

TEST_CASE("a preview averages boxes, also those that the edge cuts off", "[preview]") {
  // 9001 × 3999 pixels are 36 million: boxes of 2 × 2 leave 4501 × 2000, which is within 2^24.
  constexpr int kWidth = 9001, kHeight = 3999;
  const auto value = [](int x, int y, int c) { return static_cast<uint8_t>((x * 3 + y * 5 + c * 40) % 251); };
  Preview preview(kWidth, kHeight);
  std::vector<uint8_t> rows;
  for (int y = 0; y < kHeight;) {  // in strips of changing heights
    const int count = std::min(kHeight - y, 1 + y % 7);
    rows.resize(static_cast<size_t>(count) * kWidth * 3);
    for (int i = 0; i < count; ++i) {
      for (int x = 0; x < kWidth; ++x) {
        for (int c = 0; c < 3; ++c) rows[static_cast<size_t>((i * kWidth + x) * 3 + c)] = value(x, y + i, c);
      }
    }
    preview.add(rows.data(), count);
    y += count;
  }
  const Image& image = preview.image();
  REQUIRE(image.width == 4501);
  REQUIRE(image.height == 2000);
  for (const int y : {0, 1, 997, 1999}) {
    for (const int x : {0, 1, 2222, 4500}) {
      for (int c = 0; c < 3; ++c) {
        double sum = 0;
        int pixels = 0;
        for (int yy = 2 * y; yy < std::min(kHeight, 2 * y + 2); ++yy) {
          for (int xx = 2 * x; xx < std::min(kWidth, 2 * x + 2); ++xx, ++pixels) sum += value(xx, yy, c);
        }
        CAPTURE(x, y, c);
        CHECK(image.rgb[static_cast<size_t>((y * image.width + x) * 3 + c)] == static_cast<int>(sum / pixels + 0.5));
      }
    }
  }
}

TEST_CASE("a preview's labels are those of its boxes' middles", "[preview]") {
  constexpr int kWidth = 9001, kHeight = 3999;
  std::vector<uint16_t> labels(size_t{kWidth} * kHeight);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<uint16_t>(i % 65521);
  const std::vector<uint16_t> few = preview_labels({labels.data(), kWidth, kHeight}, 4501, 2000);
  REQUIRE(few.size() == size_t{4501} * 2000);
  CHECK(few[0] == labels[kWidth + 1]);
  CHECK(few[4501 * 7 + 9] == labels[size_t{15} * kWidth + 19]);
  CHECK(few.back() == labels.back());  // the last box is one pixel
}

}  // namespace
}  // namespace sclip
