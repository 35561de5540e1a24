#include "io/overlay_picture.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "io/legend.h"
#include "io/text.h"
#include "sclip/error.h"
#include "tests/catch.h"
#include "tests/cpu_queue.h"

namespace sclip {
namespace {

constexpr Rgb kInk{255, 255, 255};

// Pixels that drawing `text` changes.
int ink(const std::string& text) {
  std::vector<uint8_t> pixels(400 * 60 * 3);
  const Canvas canvas{pixels.data(), 400, 60, 1200};
  TextStyle(24).draw(canvas, 5, 40, text, kInk);
  return static_cast<int>(std::count_if(pixels.begin(), pixels.end(), [](uint8_t p) { return p != 0; }));
}

TEST_CASE("text: the letters that many class names need are in the font, and no box for the others") {
  const TextStyle style(20);
  CHECK(ink("sky") > 100);
  CHECK(ink("é") > ink("e"));
  CHECK(style.width("ñ") == style.width("n"));
  CHECK(TextStyle::covers("sky, é, небо, ουρανός"));
  for (const std::string other : {"日", "\xff", "\xe6\x97", "sky 日"}) CHECK_FALSE(TextStyle::covers(other));
  CHECK(ink("日") == 0);
  CHECK(style.width("日") == 0);
}

// What a legend with one class looks like.
std::vector<uint8_t> legend_of(const std::string& name, size_t id) {
  const Legend legend(480, 320, {{name, {200, 0, 0}, 1.0, id}});
  std::vector<uint8_t> pixels(static_cast<size_t>(legend.width()) * static_cast<size_t>(legend.height()) * 3);
  legend.draw({pixels.data(), legend.width(), legend.height(), static_cast<size_t>(legend.width()) * 3});
  return pixels;
}

TEST_CASE("a legend: the class's number in place of a name that no font can write") {
  CHECK(legend_of("sky\U0010fffd", 3) == legend_of("class 3", 3));
  CHECK(legend_of("\xff\xfe", 65535) == legend_of("class 65535", 65535));
  CHECK(legend_of("sky\n\x01", 3) == legend_of("sky  ", 3));
}

TEST_CASE("text: what is too long ends in an ellipsis, between characters") {
  const TextStyle style(20);
  CHECK(style.shortened("sky", 1000) == "sky");
  const std::string shortened = style.shortened("ééééééééééééééééééé", 100);
  CHECK(shortened.ends_with("…"));
  CHECK(style.width(shortened) <= 100);
  CHECK((shortened.size() - std::string("…").size()) % 2 == 0);
}

TEST_CASE("text outside the canvas is clipped") {
  std::vector<uint8_t> pixels(10 * 10 * 3);
  const Canvas canvas{pixels.data(), 10, 10, 30};
  CHECK_NOTHROW(TextStyle(40).draw(canvas, -20, 5, "clipped at every side", kInk));
}

std::vector<OverlayClass> classes(size_t count) {
  const std::vector<Rgb> palette = make_palette(count, false);
  std::vector<OverlayClass> out;
  for (size_t i = 0; i < count; ++i)
    out.push_back({"class " + std::to_string(i), palette[i], 1.0 / static_cast<double>(count)});
  return out;
}

TEST_CASE("an overlay holds the photo in its corner, and a legend of any number of classes") {
  const auto [width, height] = GENERATE(std::pair(1, 1), std::pair(640, 427), std::pair(300, 900), std::pair(7, 500));
  const size_t count = GENERATE(1u, 5u, 171u, 1000u);
  CAPTURE(width, height, count);
  Image photo(width, height);
  std::fill(photo.rgb.begin(), photo.rgb.end(), uint8_t{100});
  const std::vector<uint16_t> labels(static_cast<size_t>(width) * static_cast<size_t>(height), 0);
  const std::vector<OverlayClass> all = classes(count);
  const Image picture = draw_overlay(photo.view(), {labels.data(), width, height}, all, *testing::cpu_queue().pool);
  CHECK(picture.width >= width);
  CHECK(picture.height >= height);
  CHECK((picture.width > width || picture.height > height));
  CHECK(picture.height <= std::max(1.45 * height, height + 140.0));
  const size_t last =
      (static_cast<size_t>(height - 1) * static_cast<size_t>(picture.width) + static_cast<size_t>(width) - 1) * 3;
  CHECK(picture.rgb[last] == (100 * 127 + all[0].color.r * 128 + 127) / 255);
}

TEST_CASE("without a legend the picture has the photo's size") {
  Image photo(20, 10);
  std::fill(photo.rgb.begin(), photo.rgb.end(), uint8_t{100});
  const std::vector<uint16_t> labels(200, 9);  // no such class: the bare photo
  const Image picture =
      draw_overlay(photo.view(), {labels.data(), 20, 10}, classes(3), *testing::cpu_queue().pool, false);
  CHECK(picture.width == 20);
  CHECK(picture.height == 10);
  CHECK(std::equal(photo.rgb.begin(), photo.rgb.end(), picture.rgb.begin()));
}

TEST_CASE("pixels without a class show the photo, and have a row of the legend where they are named") {
  Image photo(640, 480);
  std::fill(photo.rgb.begin(), photo.rgb.end(), uint8_t{100});
  const std::vector<uint16_t> labels(640 * 480, 255);
  const LabelView view{labels.data(), 640, 480};
  ThreadPool& pool = *testing::cpu_queue().pool;
  const OverlayClass none{.name = "unlabelled", .color = {200, 10, 20}, .share = 1};
  const Image plain = draw_overlay(photo.view(), view, {}, pool);
  const Image named = draw_overlay(photo.view(), view, {}, pool, true, &none);
  const auto count = [&](const Image& picture) {
    size_t found = 0;
    for (size_t i = 0; i + 2 < picture.rgb.size(); i += 3) {
      found += picture.rgb[i] == 200 && picture.rgb[i + 1] == 10 && picture.rgb[i + 2] == 20 ? 1 : 0;
    }
    return found;
  };
  CHECK(count(plain) == 0);
  CHECK(count(named) > 20);  // its swatch
  for (int y = 0; y < 480; ++y) {
    const auto* row = named.rgb.data() + static_cast<ptrdiff_t>(y) * named.width * 3;
    REQUIRE(std::all_of(row, row + 3 * 640, [](uint8_t value) { return value == 100; }));
  }
}

TEST_CASE("a mask of another size is refused") {
  const Image photo(2, 2);
  const uint16_t labels[1] = {};
  CHECK_THROWS_AS(draw_overlay(photo.view(), {labels, 1, 1}, {}, *testing::cpu_queue().pool), Error);
}

TEST_CASE("a legend leaves out classes without a pixel") {
  const Legend none(640, 480, {{"a", {}, 0}, {"b", {}, 0}});
  const Legend two(640, 480, {{"a", {}, 0.5}, {"b", {}, 0.5}});
  const Legend three(640, 480, {{"a", {}, 0.5}, {"b", {}, 0.5}, {"c", {}, 0}});
  CHECK(three.height() == two.height());
  CHECK(none.height() <= two.height());
}

}  // namespace
}  // namespace sclip
