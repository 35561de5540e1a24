#include "kernels/adapt_words/adapt_words.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/catch.h"
#include "tests/compare.h"
#include "tests/dut.h"

using namespace sclip;

namespace {

std::vector<float> unit_rows(int64_t rows, int64_t cols, uint32_t seed) {
  std::vector<float> out = testing::random_normal(static_cast<size_t>(rows * cols), seed);
  for (int64_t r = 0; r < rows; ++r) {
    double squares = 0;
    for (int64_t c = 0; c < cols; ++c)
      squares += std::pow(static_cast<double>(out[static_cast<size_t>(r * cols + c)]), 2);
    for (int64_t c = 0; c < cols; ++c) out[static_cast<size_t>(r * cols + c)] /= static_cast<float>(std::sqrt(squares));
  }
  return out;
}

struct Case {
  int64_t batch, patches, embed_dim;
  std::vector<std::vector<int32_t>> clusters;
  bool shared_fit = false;
  float alpha = 0.25f, weight = 0.3f;
};

struct Scene {
  std::vector<float> features, words, fit, cosines;
  std::vector<int32_t> begins, members;
  AdaptWordsParams p;

  explicit Scene(const Case& c) {
    for (const auto& cluster : c.clusters) {
      begins.push_back(static_cast<int32_t>(members.size()));
      members.insert(members.end(), cluster.begin(), cluster.end());
    }
    begins.push_back(static_cast<int32_t>(members.size()));
    const auto queries = static_cast<int64_t>(members.size());
    features = unit_rows(c.batch * c.patches, c.embed_dim, 1);
    words = unit_rows(queries, c.embed_dim, 2);
    fit = testing::random_normal(static_cast<size_t>((c.shared_fit ? 1 : c.batch) * queries), 3, 0.2f, 0.05f);
    for (int64_t row = 0; row < c.batch * c.patches; ++row) {
      for (int64_t k = 0; k < queries; ++k) {
        double sum = 0;
        for (int64_t i = 0; i < c.embed_dim; ++i) {
          sum += static_cast<double>(features[static_cast<size_t>(row * c.embed_dim + i)]) *
                 static_cast<double>(words[static_cast<size_t>(k * c.embed_dim + i)]);
        }
        cosines.push_back(static_cast<float>(sum));
      }
    }
    p = {.fit_stride = c.shared_fit ? 0 : queries,
         .batch = c.batch,
         .patches = c.patches,
         .embed_dim = c.embed_dim,
         .queries = queries,
         .clusters = static_cast<int64_t>(c.clusters.size()),
         .alpha = c.alpha,
         .weight = c.weight};
  }

  std::vector<float> expected() const {
    std::vector<float> out = cosines;
    AdaptWordsParams q = p;
    q.features = features.data();
    q.words = words.data();
    q.fit = fit.data();
    q.begins = begins.data();
    q.members = members.data();
    q.cosines = out.data();
    ref::adapt_words(q);
    return out;
  }

  std::vector<float> found() const {
    testing::Dut& dut = testing::Dut::get();
    auto f = dut.copy(features), t = dut.copy(words), g = dut.copy(fit), out = dut.copy(cosines);
    auto b = dut.copy(begins), m = dut.copy(members);
    AdaptWordsParams q = p;
    q.features = f.data();
    q.words = t.data();
    q.fit = g.data();
    q.begins = b.data();
    q.members = m.data();
    q.cosines = out.data();
    dut.stream().adapt_words(q);
    return out.host();
  }
};

void check(const Scene& scene) {
  const auto expected = scene.expected(), actual = scene.found();
  // Sums of E products of parts of unit vectors: a few roundings of a value below 1, whatever E.
  const auto same = testing::all_close(actual.data(), expected.data(), expected.size(), 8 * 0x1p-24);
  INFO(same.message);
  CHECK(same);
}

}  // namespace

TEST_CASE("adapt_words agrees with the oracle", "[adapt_words]") {
  std::vector<std::vector<int32_t>> many(70);
  for (int32_t k = 0; k < 171; ++k) many[static_cast<size_t>(k * k % 70)].push_back(k);
  std::erase_if(many, [](const auto& cluster) { return cluster.empty(); });
  const std::vector<Case> cases = {
      {1, 1, 1, {{0}}},
      {1, 1, 40, {{0, 1}, {2}}},
      {1, 2, 33, {{1}, {0, 2}}},
      {3, 35, 64, {{0, 4}, {1, 2, 5}, {3}}},
      {3, 35, 64, {{0, 4}, {1, 2, 5}, {3}}, true},
      {2, 49, 64, {{0}, {1}, {2}}, false, 1.0f, 0.0f},
      {2, 49, 64, {{0, 1, 2}}, false, 0.0f, 1.0f},
      {2, 100, 512, many},
  };
  for (const Case& c : cases) {
    CAPTURE(c.batch, c.patches, c.embed_dim, c.clusters.size(), c.shared_fit, c.alpha, c.weight);
    check(Scene(c));
  }
}

TEST_CASE("adapt_words changes one query of a cluster, the lowest of equal fits", "[adapt_words]") {
  Scene scene({1, 20, 32, {{0, 1, 3}, {2}}, false, 0.5f, 0});
  for (float& fit : scene.fit) fit = 0.25f;
  scene.fit[0] = 0.1f;
  const auto before = scene.cosines, after = scene.found();
  for (size_t n = 0; n < 20; ++n) {
    CHECK(after[4 * n] == before[4 * n]);
    CHECK(after[4 * n + 1] != before[4 * n + 1]);
    CHECK(after[4 * n + 2] != before[4 * n + 2]);
    CHECK(after[4 * n + 3] == before[4 * n + 3]);
  }
  check(scene);
}

TEST_CASE("adapt_words with alpha 0 and weight 0 changes nothing", "[adapt_words]") {
  const Scene scene({2, 9, 16, {{0, 1}, {2}}, false, 0, 0});
  CHECK(scene.found() == scene.cosines);
}

TEST_CASE("adapt_words takes the lowest of equally near patches", "[adapt_words]") {
  // Three equal cosines; the features differ, so that the choice shows.
  Scene scene({1, 40, 8, {{0}}, false, 0.75f, 0});
  for (float& cosine : scene.cosines) cosine = -0.5f;
  for (const size_t n : {7u, 12u, 39u}) scene.cosines[n] = 0.5f;
  check(scene);
}

TEST_CASE("adapt_words of opposite patches keeps the word", "[adapt_words]") {
  Scene scene({1, 2, 8, {{0}}, false, 0.5f, 0});
  for (size_t i = 0; i < 8; ++i) scene.features[8 + i] = -scene.features[i];
  check(scene);
}

TEST_CASE("adapt_words refuses what it cannot do", "[adapt_words]") {
  testing::Dut& dut = testing::Dut::get();
  auto x = dut.output<float>(64);
  auto i = dut.output<int32_t>(4);
  AdaptWordsParams p{.features = x.data(),
                     .words = x.data(),
                     .fit = x.data(),
                     .begins = i.data(),
                     .members = i.data(),
                     .cosines = x.data(),
                     .patches = 2,
                     .embed_dim = 4,
                     .queries = 2,
                     .clusters = 3};
  CHECK_THROWS_WITH(dut.stream().adapt_words(p), Catch::Matchers::Contains("2 queries in 3 clusters"));
  p.clusters = 2;
  p.alpha = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(dut.stream().adapt_words(p), Catch::Matchers::Contains("0 … 1"));
  p.alpha = 0;
  p.fit = nullptr;
  CHECK_THROWS_WITH(dut.stream().adapt_words(p), Catch::Matchers::Contains("must be given"));
}
