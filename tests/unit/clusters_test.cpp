// CLIPtrase's clusters against scikit-learn, SciPy and PyTorch: tests/reference/make_cluster_goldens.py.
#include "engine/dense_head/clusters.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/catch.h"

using namespace sclip;

namespace {

nlohmann::json golden(const std::string& name) {
  std::ifstream file(std::filesystem::path(SCLIP_SOURCE_DIR) / "tests/data/clusters" / (name + ".json"));
  REQUIRE(file.good());
  return nlohmann::json::parse(file);
}

}  // namespace

TEST_CASE("dbscan finds scikit-learn's clusters", "[engine]") {
  const nlohmann::json file = golden("points");
  const std::vector<float> points = file["points"];
  const int64_t dims = file["dims"];
  REQUIRE(file["results"].size() > 5);
  for (const nlohmann::json& result : file["results"]) {
    CAPTURE(result["eps"].dump(), result["min_points"].dump());
    CHECK(dbscan(points, static_cast<int64_t>(points.size()) / dims, dims, result["eps"], result["min_points"]) ==
          result["clusters"].get<std::vector<int32_t>>());
  }
}

TEST_CASE("dbscan counts a point at eps itself, and the point among its own", "[engine]") {
  const std::vector<float> line = {0, 1, 2, 10, 11, 30};
  CHECK(dbscan(line, 6, 1, 1, 2) == std::vector<int32_t>{0, 0, 0, 1, 1, -1});
  CHECK(dbscan(line, 6, 1, 1, 3) == std::vector<int32_t>{0, 0, 0, -1, -1, -1});
  CHECK(dbscan(line, 6, 1, 0.5, 1) == std::vector<int32_t>{0, 1, 2, 3, 4, 5});
  // The point at 1 is near a core of either side, and none itself: the side whose core comes first has it.
  const std::vector<float> sides = {2.5f, 2.5f, 2.5f, 2.5f, 2, 1, 0, -0.5f, -0.5f, -0.5f, -0.5f};
  CHECK(dbscan(sides, 11, 1, 1, 5) == std::vector<int32_t>{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1});
  CHECK(dbscan({}, 0, 1, 1, 1).empty());
}

TEST_CASE("labels are voted on as SciPy and PyTorch would", "[engine]") {
  for (const std::string name : {"square", "wide", "one_row"}) {
    CAPTURE(name);
    const nlohmann::json file = golden(name);
    const std::vector<float> affinity = file["affinity"];
    std::vector<uint16_t> labels = file["labels"];
    vote_in_clusters(affinity, file["grid_h"], file["grid_w"], {.eps = file["eps"], .min_points = file["min_points"]},
                     labels, file["height"], file["width"]);
    CHECK(labels == file["voted"].get<std::vector<uint16_t>>());
  }
}

TEST_CASE("labels stay where there is no cluster, and patches that are all alike are one", "[engine]") {
  const std::vector<uint16_t> labels = {3, 1, 3, 2, 1, 1, 2, 2, 0, 2, 1, 3};
  // Every patch is like itself alone: rows a distance of √2 apart.
  std::vector<float> apart(25, 0.0f);
  for (size_t i = 0; i < 5; ++i) apart[6 * i] = 1;
  std::vector<uint16_t> voted = labels;
  vote_in_clusters(apart, 2, 2, {.eps = 0.7, .min_points = 3}, voted, 3, 4);
  CHECK(voted == labels);
  // One cluster: 1 and 2 are the most frequent, and 1 is the smaller.
  vote_in_clusters(std::vector<float>(25, 0.25f), 2, 2, {.eps = 0.7, .min_points = 3}, voted, 3, 4);
  CHECK(voted == std::vector<uint16_t>(12, 1));
}
