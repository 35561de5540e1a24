#include <algorithm>
#include <cmath>
#include <random>

#include "apps/tune/candidates.h"
#include "apps/tune/sampling.h"
#include "apps/tune/threshold_search.h"
#include "apps/tune/word_search.h"
#include "kernels/label_planes/label_planes.h"
#include "sclip/error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

constexpr int64_t kPixels = 600;

PhotoSample random_photo(unsigned seed, int64_t words, bool masks, int32_t classes) {
  std::mt19937 random(seed);
  std::normal_distribution<float> cosine(0.05F, 0.03F);
  PhotoSample photo{.name = "photo", .pixels = kPixels, .cosines = {}, .mirrored = {}, .truth = {}};
  for (int64_t i = 0; i < words * kPixels; ++i) photo.cosines.push_back(cosine(random));
  if (masks) {
    std::uniform_int_distribution<int32_t> label(-1, classes - 1);
    for (int64_t i = 0; i < kPixels; ++i) photo.truth.push_back(label(random));
  } else {
    for (const float c : photo.cosines) photo.mirrored.push_back(c + 0.3F * (cosine(random) - 0.05F));
  }
  return photo;
}

// Words 0, 1 | 2 | 3, 4, 5 of three classes.
WordChoice three_classes() {
  return {.query_class = {0, 0, 1, 2, 2, 2}, .active = {1, 1, 1, 1, 1, 1}, .classes = 3};
}

// Of one pixel: every step written out.
int32_t label_by_hand(const PhotoSample& photo, size_t i, const WordChoice& words, double scale, double threshold,
                      const std::vector<int>& kept, int32_t low) {
  double sum = 0;
  for (size_t k = 0; k < words.query_class.size(); ++k) {
    if (words.active[k]) sum += std::exp(scale * double{photo.cosines[k * kPixels + i]});
  }
  int32_t best = 0;
  double score = -1;
  for (int32_t q = 0; q < static_cast<int32_t>(words.classes); ++q) {
    double most = 0;
    for (size_t k = 0; k < words.query_class.size(); ++k) {
      if (words.active[k] && words.query_class[k] == q && kept[static_cast<size_t>(q)]) {
        most = std::max(most, std::exp(scale * double{photo.cosines[k * kPixels + i]}) / sum);
      }
    }
    if (most > score) {
      score = most;
      best = q;
    }
  }
  return score < threshold ? low : best;
}

double miou_by_hand(const std::vector<PhotoSample>& photos, const WordChoice& words, double scale, double threshold,
                    int32_t low) {
  double sum = 0;
  int occurring = 0;
  for (int32_t q = 0; q < static_cast<int32_t>(words.classes); ++q) {
    int64_t both = 0, either = 0;
    for (const PhotoSample& photo : photos) {
      for (size_t i = 0; i < static_cast<size_t>(kPixels); ++i) {
        if (photo.truth[i] == kNoClass) continue;
        const int32_t label = label_by_hand(photo, i, words, scale, threshold, {1, 1, 1}, low);
        both += label == q && photo.truth[i] == q ? 1 : 0;
        either += label == q || photo.truth[i] == q ? 1 : 0;
      }
    }
    if (either == 0) continue;
    sum += static_cast<double>(both) / static_cast<double>(either);
    ++occurring;
  }
  return 100 * sum / occurring;
}

TEST_CASE("labels and scores are those of the label rule's oracle, with and without the area filter", "[tune]") {
  const WordChoice words = three_classes();
  const PhotoSample photo = random_photo(1, 6, false, 3);
  const std::vector<double> planes(photo.cosines.begin(), photo.cosines.end());
  for (const auto area : {std::optional<float>(), std::optional<float>(0.35F)}) {
    const LabelRule rule{
        .queries = 6, .classes = 3, .query_class = words.query_class.data(), .logit_scale = 40, .area_threshold = area};
    std::vector<uint16_t> labels(kPixels);
    std::vector<float> scores(kPixels);
    std::vector<LabelStatistics> statistics(3);
    ref::label_planes(
        planes.data(), rule, kPixels,
        {.labels = labels.data(), .label_dtype = DType::kU16, .scores = scores.data(), .statistics = statistics.data()},
        nullptr);
    const PixelLabels found = label_pixels(photo.cosines, kPixels, words, area);
    const std::vector<double> score = score_pixels(photo.cosines, found, words, 40);
    for (size_t i = 0; i < labels.size(); ++i) {
      REQUIRE(found.label[i] == labels[i]);
      REQUIRE(std::abs(score[i] - double{scores[i]}) < 1e-6);
    }
  }
}

TEST_CASE("the search finds the pair that trying every pair finds", "[tune]") {
  ThreadPool pool(2);
  const WordChoice words = three_classes();
  std::vector<PhotoSample> photos;
  for (unsigned seed = 10; seed < 13; ++seed) photos.push_back(random_photo(seed, 6, true, 3));
  for (const LowScores low : {LowScores::kBecomeClass0, LowScores::kBecomeNoClass}) {
    const SearchSpace space{.scales = {5, 20, 40, 80}, .thresholds = {0, 0.25F, 0.3F, 0.5F, 0.7F}, .low = low};
    const SearchResult result = search_thresholds(photos, words, space, {1, 0}, pool);
    double best = -1;
    SearchPoint at;
    for (size_t s = 0; s < 4; ++s) {
      for (size_t t = 0; t < 5; ++t) {
        const double miou = miou_by_hand(photos, words, double{space.scales[s]}, double{space.thresholds[t]},
                                         low == LowScores::kBecomeClass0 ? 0 : kNoClass);
        CHECK(std::abs(result.at({s, t}, space) - miou) < 1e-9);
        if (miou > best + 1e-9) {
          best = miou;
          at = {s, t};
        }
      }
    }
    CHECK(std::abs(result.at(result.best, space) - best) < 1e-9);
    CHECK(std::abs(result.at(at, space) - result.at(result.best, space)) < 1e-9);
    // What each photo would get by the others' choice is no better than what the best pair gives all.
    REQUIRE(result.held_out);
    CHECK(*result.held_out > 0);
  }
}

TEST_CASE("without masks the scale is chosen by likelihood and the threshold by what survives", "[tune]") {
  ThreadPool pool(1);
  const WordChoice words = three_classes();
  const std::vector<PhotoSample> photos = {random_photo(20, 6, false, 3), random_photo(21, 6, false, 3)};
  const SearchSpace space{.scales = {5, 20, 40, 80, 200}, .thresholds = {0, 0.3F, 0.5F, 0.8F}};
  const SearchResult result = search_thresholds(photos, words, space, {0, 0}, pool);
  size_t best_scale = 0;
  std::vector<double> losses;
  for (size_t s = 0; s < space.scales.size(); ++s) {
    double loss = 0;
    for (const PhotoSample& photo : photos) {
      PhotoSample other = photo;
      other.cosines = photo.mirrored;
      for (size_t i = 0; i < static_cast<size_t>(kPixels); ++i) {
        const int32_t want = label_by_hand(other, i, words, 1, 0, {1, 1, 1}, 0);
        double own = 0, all = 0;
        for (size_t k = 0; k < 6; ++k) {
          const double e = std::exp(double{space.scales[s]} * double{photo.cosines[k * kPixels + i]});
          all += e;
          own += words.query_class[k] == want ? e : 0;
        }
        loss -= std::log(own / all);
      }
    }
    losses.push_back(loss / (2.0 * kPixels));
    CHECK(std::abs(result.calibration[s] - losses[s]) < 1e-9);
    if (losses[s] < losses[best_scale]) best_scale = s;
  }
  CHECK(result.best.scale == best_scale);
  for (size_t t = 0; t < space.thresholds.size(); ++t) {
    int64_t right = 0, wrong = 0, kept_right = 0, kept_wrong = 0;
    for (const PhotoSample& photo : photos) {
      PhotoSample other = photo;
      other.cosines = photo.mirrored;
      for (size_t i = 0; i < static_cast<size_t>(kPixels); ++i) {
        const int32_t label = label_by_hand(photo, i, words, 1, 0, {1, 1, 1}, 0);
        if (label == 0) continue;
        const bool same = label == label_by_hand(other, i, words, 1, 0, {1, 1, 1}, 0);
        const bool kept = label_by_hand(photo, i, words, double{space.scales[best_scale]}, double{space.thresholds[t]},
                                        {1, 1, 1}, -5) == label;
        ++(same ? right : wrong);
        (same ? kept_right : kept_wrong) += kept ? 1 : 0;
      }
    }
    REQUIRE(right > 0);
    REQUIRE(wrong > 0);
    const double told = 100 * (static_cast<double>(kept_right) / static_cast<double>(right) -
                               static_cast<double>(kept_wrong) / static_cast<double>(wrong));
    CHECK(std::abs(result.at({best_scale, t}, space) - told) < 1e-9);
  }
  CHECK_FALSE(result.held_out);
}

TEST_CASE("of equally good pairs the present one stays", "[tune]") {
  ThreadPool pool(1);
  const std::vector<PhotoSample> photos = {random_photo(30, 6, true, 3)};
  const SearchSpace space{.scales = {20, 40, 80}, .thresholds = {0}};
  for (size_t s = 0; s < 3; ++s) {
    CHECK(search_thresholds(photos, three_classes(), space, {s, 0}, pool).best == SearchPoint{s, 0});
  }
}

TEST_CASE("photos with and without masks do not go together", "[tune]") {
  ThreadPool pool(1);
  const std::vector<PhotoSample> photos = {random_photo(1, 6, true, 3), random_photo(2, 6, false, 3)};
  CHECK_THROWS_AS(search_thresholds(photos, three_classes(), {.scales = {1}, .thresholds = {0}}, {}, pool), Error);
  CHECK_THROWS_AS(search_thresholds({}, three_classes(), {.scales = {1}, .thresholds = {0}}, {}, pool), Error);
}

// A photo of two classes; word 2 speaks for class 1 and is wrong wherever class 0 is.
PhotoSample misled_photo() {
  PhotoSample photo{.name = "misled", .pixels = kPixels, .cosines = {}, .mirrored = {}, .truth = {}};
  const auto plane = [&](const auto& value) {
    for (int64_t i = 0; i < kPixels; ++i) photo.cosines.push_back(value(i < kPixels / 2));
  };
  plane([](bool first) { return first ? 0.10F : 0.02F; });
  plane([](bool first) { return first ? 0.03F : 0.09F; });
  plane([](bool first) { return first ? 0.12F : 0.01F; });
  plane([](bool first) { return first ? 0.01F : 0.05F; });
  for (int64_t i = 0; i < kPixels; ++i) photo.truth.push_back(i < kPixels / 2 ? 0 : 1);
  return photo;
}

TEST_CASE("a word that misleads is left out, one that changes nothing stays", "[tune]") {
  ThreadPool pool(1);
  const std::vector<PhotoSample> photos = {misled_photo()};
  const WordChoice words{.query_class = {0, 1, 1, 1}, .active = {1, 1, 1, 1}, .classes = 2};
  const WordResult result = search_words(photos, words, {.logit_scale = 40}, pool);
  REQUIRE(result.verdicts.size() == 3);  // class 0 keeps its only word
  CHECK(result.verdicts[0].word == 1);
  CHECK(result.verdicts[1].gain < -50);
  CHECK(result.verdicts[2].gain == 0);
  CHECK(result.suggested == std::vector<uint8_t>{1, 1, 0, 1});
  CHECK(result.after == 100);
  CHECK(std::abs(result.before - 25) < 1e-9);  // (0 / 300 + 300 / 600) / 2
  CHECK(std::abs(result.verdicts[1].best_share - 0.5) < 1e-9);
}

TEST_CASE("a candidate that helps is taken in", "[tune]") {
  ThreadPool pool(1);
  PhotoSample photo = misled_photo();
  for (int32_t& truth : photo.truth) truth = 1;  // now word 2 is right where word 0 was taken
  const std::vector<PhotoSample> photos = {photo};
  const WordChoice words{.query_class = {0, 1, 1, 1}, .active = {1, 1, 0, 0}, .classes = 2};
  const WordResult result = search_words(photos, words, {.logit_scale = 40}, pool);
  REQUIRE(result.verdicts.size() == 2);
  CHECK_FALSE(result.verdicts[0].given);
  CHECK(result.verdicts[0].gain > 50);
  CHECK(result.suggested == std::vector<uint8_t>{1, 1, 1, 0});
}

TEST_CASE("candidates come from the built-in lists, once, and not for other classes' words", "[tune]") {
  const WordsWithCandidates words = with_candidates(parse_class_argument("background; Person; sky; monitor"));
  const auto of = [&](int32_t q) {
    std::vector<std::string> out;
    for (size_t k = 0; k < words.given.size(); ++k) {
      if (words.classes.query_class()[k] == q && !words.given[k]) out.push_back(words.classes.queries()[k]);
    }
    return out;
  };
  const auto background = of(0), person = of(1), monitor = of(3);
  CHECK(std::find(background.begin(), background.end(), "wall") != background.end());
  CHECK(std::find(background.begin(), background.end(), "sky") == background.end());  // a class of its own
  CHECK(std::find(person.begin(), person.end(), "person in jeans") != person.end());
  CHECK(std::count(person.begin(), person.end(), "person in shirt") == 1);  // voc21 and coco_object have it
  CHECK(std::find(person.begin(), person.end(), "body") != person.end());   // coco_object
  CHECK(of(2).empty());
  CHECK(std::find(monitor.begin(), monitor.end(), "television") != monitor.end());
  CHECK(without_candidates(parse_class_argument("background; person")).given == std::vector<uint8_t>{1, 1});
}

TEST_CASE("suggested words are written as --classes reads them", "[tune]") {
  for (const char* text : {"sky; building, house", "background = wall, floor; \"black, white\", \"a \"\"b\"\"\""}) {
    const ClassList list = parse_class_argument(text);
    const ClassList again = parse_class_argument(class_argument(list, std::vector<uint8_t>(list.queries().size(), 1)));
    CHECK(again.class_names() == list.class_names());
    CHECK(again.queries() == list.queries());
    CHECK(again.query_class() == list.query_class());
  }
  const ClassList list = parse_class_argument("sky; building, house");
  CHECK(class_argument(list, {1, 0, 1}) == "sky; building = house");
}

TEST_CASE("the grid holds at most as many pixels as asked for, and reaches both sides", "[tune]") {
  for (const auto& [width, height, most] : {std::tuple{640, 480, 5000}, {33, 17, 7}, {1, 50, 10}, {50, 40, 0}}) {
    const PixelGrid grid(width, height, most);
    int64_t count = 0;
    int last_x = -1, last_y = -1;
    grid.each([&](int x, int y) {
      REQUIRE(x < width);
      REQUIRE(y < height);
      last_x = std::max(last_x, x);
      last_y = y;
      ++count;
    });
    CHECK(count == grid.pixels());
    if (most > 0 && std::min(width, height) > 1) CHECK(count <= most);
    if (most == 0) CHECK(count == int64_t{width} * height);
    CHECK(last_x + grid.step >= width);
    CHECK(last_y + grid.step >= height);
  }
}

TEST_CASE("planes of the mirrored photo are sampled where the scene is", "[tune]") {
  const int width = 7, height = 5;
  std::vector<float> planes, mirrored;
  for (int k = 0; k < 2; ++k) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        planes.push_back(static_cast<float>(100 * k + 10 * y + x));
        mirrored.push_back(static_cast<float>(100 * k + 10 * y + (width - 1 - x)));
      }
    }
  }
  const PixelGrid grid(width, height, 8);
  CHECK(sample_planes(planes, 2, grid, false) == sample_planes(mirrored, 2, grid, true));
}

}  // namespace
}  // namespace sclip
