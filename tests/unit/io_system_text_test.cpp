// Names beyond the font that is compiled in, with the fonts that scripts/setup.sh --test installs.
#include "io/system_text.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "io/legend.h"
#include "io/text.h"
#include "tests/catch.h"

#ifdef SCLIP_WITH_SYSTEM_FONTS
#include "io/text_clusters.h"

namespace sclip {
namespace {

constexpr int kWidth = 600, kHeight = 80;
constexpr double kAnyWidth = 1e9;
constexpr Rgb kWhite{255, 255, 255};

struct Drawing {
  std::vector<uint8_t> pixels = std::vector<uint8_t>(size_t{kWidth} * kHeight * 3);
  double width = 0;

  // Sum of one channel over columns [from, to).
  int64_t ink(int from = 0, int to = kWidth, int channel = 0) const {
    int64_t sum = 0;
    for (int y = 0; y < kHeight; ++y) {
      for (int x = from; x < to; ++x) sum += pixels[static_cast<size_t>((y * kWidth + x) * 3 + channel)];
    }
    return sum;
  }
};

Drawing draw(const std::string& text, double size = 32) {
  SystemText system(size);
  const auto line = system.shape(text, kAnyWidth);
  CAPTURE(text);
  REQUIRE(line.has_value());
  Drawing out;
  system.draw({out.pixels.data(), kWidth, kHeight, size_t{kWidth} * 3}, 4, 56, *line, kWhite);
  out.width = line->width;
  return out;
}

TEST_CASE("names in scripts of the world have ink, within their width") {
  const std::string name = GENERATE("天空", "空と木", "שמיים", "سماء", "ท้องฟ้า", "आकाश", "😀", "sky 天空", "عشب 天空");
  const Drawing drawn = draw(name);
  CAPTURE(name, drawn.width);
  CHECK(drawn.width > 16);
  CHECK(drawn.ink() > 255 * 40);
  CHECK(drawn.ink(static_cast<int>(drawn.width) + 14) == 0);
}

TEST_CASE("ideographs are about an em wide, and alike") {
  const double one = draw("天").width;
  CHECK(one > 28);
  CHECK(one < 33);
  CHECK(std::abs(draw("天空木").width - 3 * one) <= 0.1);
}

TEST_CASE("Hebrew runs from right to left, and numbers in it from left to right") {
  const auto order = [](const std::string& text) {
    SystemText system(32);
    std::vector<uint32_t> glyphs;
    const auto line = system.shape(text, kAnyWidth);
    REQUIRE(line.has_value());
    for (const PlacedGlyph& glyph : line->glyphs) glyphs.push_back(glyph.index);
    return glyphs;
  };
  const auto alef = order("א"), bet = order("ב");
  REQUIRE(alef.size() == 1);
  CHECK(alef != bet);
  CHECK(order("אב") == std::vector{bet[0], alef[0]});
  const auto mixed = order("א12");
  REQUIRE(mixed.size() == 3);
  CHECK(mixed[2] == alef[0]);
  CHECK(mixed[0] < mixed[1]);  // "1" before "2"
}

TEST_CASE("Arabic letters join, and marks stand on their letters") {
  CHECK(draw("ببب").width < 0.9 * 3 * draw("ب").width);
  CHECK(std::abs(draw("ที่").width - draw("ท").width) <= 0.5);
  CHECK(draw("कि").ink() > draw("क").ink());
}

TEST_CASE("emoji keep their colours where the font has them") {
  const Drawing face = draw("🌈");
  CHECK(std::abs(face.ink(0, kWidth, 0) - face.ink(0, kWidth, 2)) > 255);
  CHECK(std::abs(face.width - 32 * 1.25) <= 4);  // Noto's are 136 pixels wide where the em has 109
}

TEST_CASE("a family joined to one picture is one character") {
  bool cut = false;
  CHECK(text_clusters("👨‍👩‍👧x", cut).size() == 2);
  CHECK(text_clusters("e\u0301\u0302", cut).size() == 1);
  CHECK_FALSE(cut);
}

TEST_CASE("a character without a glyph makes the whole name a number") {
  SystemText system(20);
  CHECK_FALSE(system.shape("\U000e0fff\U00016fe5天", kAnyWidth));  // unassigned
  CHECK_FALSE(system.shape("天\uf8ff\U0010fffd", kAnyWidth));      // private
  CHECK_FALSE(system.shape("天\xff", kAnyWidth));                  // not UTF-8
  CHECK_FALSE(system.shape("天\xe7\xa9", kAnyWidth));              // a character cut off
}

TEST_CASE("a long name ends in an ellipsis, within the limit") {
  SystemText system(20);
  std::string name;
  for (int i = 0; i < 40; ++i) name += "天空";
  const auto line = system.shape(name, 200);
  REQUIRE(line.has_value());
  CHECK(line->width <= 200);
  CHECK(line->width > 160);
  CHECK(line->glyphs.size() < 12);
  const auto whole = system.shape("天空", 200);
  REQUIRE(whole.has_value());
  CHECK(whole->glyphs.size() == 2);
}

TEST_CASE("hostile names: bounded and clipped") {
  std::string stacked = "ก", endless, turning;
  for (int i = 0; i < 100000; ++i) stacked += "้";
  for (int i = 0; i < 1000000; ++i) endless += "天";
  for (int i = 0; i < 5000; ++i) turning += "\u202e\u2066א\u2069";
  for (const std::string& name : {stacked, endless, turning}) {
    const Legend legend(300, 200, {{name, {}, 0.5, 3}, {"天", {}, 0.5, 4}});
    std::vector<uint8_t> pixels(static_cast<size_t>(legend.width()) * static_cast<size_t>(legend.height()) * 3, 7);
    legend.draw({pixels.data(), legend.width(), legend.height(), static_cast<size_t>(legend.width()) * 3});
    for (int y = 0; y < 200; ++y) {  // the photo's place
      const uint8_t* row = pixels.data() + static_cast<size_t>(y) * static_cast<size_t>(legend.width()) * 3;
      REQUIRE(std::all_of(row, row + 900, [](uint8_t p) { return p == 7; }));
    }
  }
}

TEST_CASE("threads draw at the same time, and alike") {
  const Drawing alone = draw("天空 שמיים");
  std::vector<std::vector<uint8_t>> found(4);
  std::vector<std::thread> threads;
  for (auto& pixels : found) {
    threads.emplace_back([&pixels] {
      for (int i = 0; i < 5; ++i) {
        SystemText system(32);
        const auto line = system.shape("天空 שמיים", kAnyWidth);
        pixels.assign(size_t{kWidth} * kHeight * 3, 0);
        if (line) system.draw({pixels.data(), kWidth, kHeight, size_t{kWidth} * 3}, 4, 56, *line, kWhite);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& pixels : found) CHECK(pixels == alone.pixels);
}

}  // namespace
}  // namespace sclip
#endif
