// The C++ header over the shared library: what a program sees of photos, words, features, pictures.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "sclip/sclip.hpp"
#include "tests/catch.h"

namespace {

const std::string kRoot = SCLIP_SOURCE_DIR;

sclip::Engine demo() {
  return sclip::Engine(kRoot + "/weights/demo/demo-clip.sclip",
                       {.device = "cpu", .precision = SCLIP_PRECISION_F32, .threads = 2});
}

std::vector<std::byte> content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto* const first = reinterpret_cast<const std::byte*>(bytes.data());
  return {first, first + bytes.size()};
}

template <typename T>
bool same(std::span<const T> a, std::span<const T> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace

TEST_CASE("an engine from a file and one from memory give the same labels", "[api]") {
  const sclip::Engine from_file = demo();
  const sclip::Engine from_memory(content(kRoot + "/weights/demo/demo-clip.sclip"), "demo",
                                  {.device = "cpu", .precision = SCLIP_PRECISION_F32});
  CHECK(std::string(from_file.facts().sha256) == from_memory.facts().sha256);
  const sclip::Picture photo(kRoot + "/tests/data/photos/china.jpg");
  sclip::Session a(from_file), b(from_memory);
  const sclip::Result one = a.segment(photo.image(), sclip::Bank(from_file, "sky; building, house; tree"));
  const sclip::Result two =
      b.segment(photo.image(), sclip::Bank(from_memory, {{"sky"}, {"building", "house"}, {"tree"}}));
  CHECK(same(one.labels(), two.labels()));
  CHECK(same(one.scores(), two.scores()));
  CHECK(one.classes().size() == 3);
  CHECK(one.width() == 640);
  CHECK(one.height() == 427);
}

TEST_CASE("a picture's size is told from its header", "[api]") {
  const std::vector<std::byte> photo = content(kRoot + "/tests/data/photos/china.jpg");
  const sclip::PictureSize china = sclip::picture_size(photo, "china.jpg");
  CHECK(china.width == 640);
  CHECK(china.height == 427);
  for (int i = 1; i <= 8; ++i) {  // upright, as it will be decoded
    const std::string path = kRoot + "/tests/data/images/orientation" + std::to_string(i) + ".png";
    const sclip::PictureSize size = sclip::picture_size(content(path), path);
    const sclip::Picture picture(path);
    CHECK(size.width == picture.image().width);
    CHECK(size.height == picture.image().height);
  }
  // Of a file whose pixels are missing, so that they were not read.
  const std::string_view head = "P6 4000 3000 255\n";
  const std::span<const std::byte> bytes = std::as_bytes(std::span(head));
  const sclip::PictureSize large = sclip::picture_size(bytes, "large.ppm");
  CHECK(large.width == 4000);
  CHECK(large.height == 3000);
  CHECK_THROWS_WITH(sclip::Picture(bytes, "large.ppm"), Catch::Contains("large.ppm"));
  CHECK_THROWS_WITH(sclip::picture_size(bytes.first(2), "short.ppm"), Catch::Contains("short.ppm"));
  CHECK(sclip_picture_size(bytes.data(), bytes.size(), nullptr, nullptr, nullptr) == SCLIP_INVALID_ARGUMENT);
}

TEST_CASE("pixels are read as they lie", "[api]") {
  const sclip::Engine engine = demo();
  const sclip::Bank bank(engine, "sky; building; tree");
  sclip::Session session(engine);
  const sclip::Picture picture(kRoot + "/tests/data/photos/china.jpg");
  const sclip::Image rgb = picture.image();
  const sclip::Result expected = session.segment(rgb, bank);
  // BGRA, bottom up, with room between the rows.
  const int64_t stride = 4 * rgb.width + 12;
  std::vector<uint8_t> turned(static_cast<size_t>(stride * rgb.height), 0xEE);
  for (int y = 0; y < rgb.height; ++y) {
    for (int x = 0; x < rgb.width; ++x) {
      const uint8_t* const from = rgb.pixels + 3 * (int64_t{y} * rgb.width + x);
      uint8_t* const to = turned.data() + (rgb.height - 1 - y) * stride + 4 * x;
      to[0] = from[2], to[1] = from[1], to[2] = from[0];
    }
  }
  const sclip::Image view{.pixels = turned.data() + (rgb.height - 1) * stride,
                          .width = rgb.width,
                          .height = rgb.height,
                          .row_stride = -stride,
                          .order = SCLIP_BGRA};
  const sclip::Result found = session.segment(view, bank);
  CHECK(same(expected.labels(), found.labels()));
  CHECK(same(expected.scores(), found.scores()));
}

TEST_CASE("several photos in one call have the bits that each has alone", "[api]") {
  const sclip::Engine engine = demo();
  const sclip::Bank bank(engine, "sky; building; tree");
  sclip::Session session(engine);
  const sclip::Picture picture(kRoot + "/tests/data/photos/china.jpg");
  sclip::Image whole = picture.image(), part = whole;
  part.row_stride = 3 * int64_t{whole.width};
  part.pixels += 3 * 200;
  part.width = 300;
  part.height = 400;
  const sclip::Image photos[] = {whole, part, whole};
  const std::vector<sclip::Result> together = session.segment(photos, bank, session.options());
  for (size_t i = 0; i < 3; ++i) {
    const sclip::Result alone = session.segment(photos[i], bank);
    CHECK(same(alone.labels(), together[i].labels()));
    CHECK(same(alone.scores(), together[i].scores()));
  }
}

TEST_CASE("new words for a photo that was read: what segmenting it anew gives", "[api]") {
  const sclip::Engine engine = demo();
  sclip::Session session(engine);
  const sclip::Picture picture(kRoot + "/tests/data/photos/china.jpg");
  const sclip::Features features = session.read(picture.image());
  for (const char* words : {"sky; building; tree", "water; sky", "person"}) {
    const sclip::Bank bank(engine, words);
    const sclip::Result anew = session.segment(picture.image(), bank);
    const sclip::Result asked = session.segment(features, bank);
    CHECK(same(anew.labels(), asked.labels()));
    CHECK(same(anew.scores(), asked.scores()));
  }
  int32_t windows = 0, grid_h = 0, grid_w = 0;
  REQUIRE(sclip_features_values(session.get(), features.get(), &windows, &grid_h, &grid_w, nullptr, 0) == SCLIP_OK);
  const size_t rows = static_cast<size_t>(windows) * static_cast<size_t>(grid_h * grid_w);
  std::vector<float> values(rows * 256);
  REQUIRE(sclip_features_values(session.get(), features.get(), nullptr, nullptr, nullptr, values.data(),
                                values.size()) == SCLIP_OK);
  for (size_t row = 0; row < rows; ++row) {
    double norm = 0;
    for (size_t i = 0; i < 256; ++i) norm += double{values[row * 256 + i]} * values[row * 256 + i];
    REQUIRE(std::abs(norm - 1) < 1e-5);
  }
}

TEST_CASE("words classify and embed", "[api]") {
  const sclip::Engine engine = demo();
  sclip::Session session(engine);
  const sclip::Picture picture(kRoot + "/tests/data/photos/china.jpg");
  const int32_t dim = engine.facts().embed_dim;
  const sclip::Bank bank(engine, "sky; zebra; truck", {.templates = {"a photo of a {}."}});
  const std::vector<float> image = session.embed_image(picture.image(), dim);
  const std::string prompts[] = {"a photo of a sky.", "a photo of a zebra.", "a photo of a truck."};
  const std::vector<float> texts = session.embed_texts(prompts, dim);
  // Softmax over the learned scale times the cosines, in double.
  double sum = 0, e[3];
  for (size_t k = 0; k < 3; ++k) {
    double cosine = 0;
    for (size_t i = 0; i < image.size(); ++i) cosine += double{image[i]} * texts[k * image.size() + i];
    sum += e[k] = std::exp(engine.facts().logit_scale * cosine);
  }
  const std::vector<float> found = session.classify(picture.image(), bank);
  for (size_t k = 0; k < 3; ++k) CHECK(found[k] == Approx(e[k] / sum).margin(1e-5));
}

TEST_CASE("a mask becomes a PNG that reads back", "[api]") {
  const sclip::Engine engine = demo();
  const sclip::Bank bank(engine, "sky; building; tree");
  sclip::Session session(engine);
  const sclip::Picture picture(kRoot + "/tests/data/photos/china.jpg");
  const sclip::Result result = session.segment(picture.image(), bank);
  const std::vector<std::byte> png = sclip::encode_mask(result.labels(), result.width(), result.height(), bank);
  const sclip::Picture back(png, "mask.png");
  REQUIRE(back.image().width == 640);
  // Equal labels have equal colours, and different ones different.
  std::array<std::array<uint8_t, 3>, 3> colors{};
  std::array<bool, 3> seen{};
  for (size_t i = 0; i < result.labels().size(); ++i) {
    const uint16_t label = result.labels()[i];
    std::array<uint8_t, 3> color{};
    std::copy_n(back.image().pixels + 3 * i, 3, color.begin());
    if (!std::exchange(seen[label], true)) colors[label] = color;
    REQUIRE(colors[label] == color);
  }
  CHECK(colors[0] != colors[1]);
  CHECK(colors[0] != colors[2]);
}

TEST_CASE("callbacks: progress rises to 1, a stop and an exception end the call", "[api]") {
  const sclip::Engine engine = demo();
  const sclip::Bank bank(engine, "sky; building; tree");
  sclip::Session session(engine);
  const sclip::Picture picture(kRoot + "/tests/data/photos/china.jpg");
  std::vector<double> shares;
  const sclip::Result whole =
      session.segment(picture.image(), bank, {.progress = [&](double share) { shares.push_back(share); }});
  REQUIRE(shares.size() > 1);
  CHECK(std::is_sorted(shares.begin(), shares.end()));
  CHECK(shares.back() == 1);

  int asked = 0;
  try {
    session.segment(picture.image(), bank, {.should_stop = [&] { return ++asked > 2; }});
    FAIL("it was to stop");
  } catch (const sclip::Error& error) {
    CHECK(error.status() == SCLIP_CANCELLED);
  }
  struct Mine {};
  CHECK_THROWS_AS(session.segment(picture.image(), bank, {.progress = [](double) { throw Mine(); }}), Mine);
  // And the session is as it was.
  const sclip::Result again = session.segment(picture.image(), bank);
  CHECK(same(whole.labels(), again.labels()));
}

TEST_CASE("a log hears of words that the model does not know", "[api]") {
  sclip_engine_options options{};
  REQUIRE(sclip_engine_options_init(&options, sizeof(options)) == SCLIP_OK);
  std::vector<std::string> heard;
  options.device = "cpu";
  options.log = [](const char* message, void* user) {
    static_cast<std::vector<std::string>*>(user)->push_back(message);
  };
  options.log_user = &heard;
  sclip_engine* engine = nullptr;
  sclip_bank* bank = nullptr;
  REQUIRE(sclip_engine_load((kRoot + "/weights/demo/demo-clip.sclip").c_str(), &options, &engine) == SCLIP_OK);
  REQUIRE(sclip_bank_from_text(engine, "sky; xylophone", nullptr, nullptr, &bank) == SCLIP_OK);
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].find("xylophone") != std::string::npos);
  CHECK(sclip_bank_free(bank) == SCLIP_OK);
  CHECK(sclip_engine_free(engine) == SCLIP_OK);
}
