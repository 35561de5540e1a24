// CLIPtrase's clusters: patches that are alike to the same others belong together, and take the label that most of
// their pixels have. On the host: a few hundred patches of one window, once a photo. Deterministic; safe for threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sclip {

// DBSCAN over `count` points of `dims` f32: the cluster of each, numbered in the order of their first core point, or −1
// for noise. A core point has `min_points` points within `eps`, itself included; a point that is near cores of several
// clusters belongs to the first of them.
std::vector<int32_t> dbscan(std::span<const float> points, int64_t count, int64_t dims, double eps, int64_t min_points);

struct ClusterRule {
  double eps = 0.7;  // for 14×14 patches; the authors take 1.1 and 7 for 21×21
  int64_t min_points = 3;
};

// `affinity`: W₀ (N, N) of the tokens of a window that is the whole photo, class token first, N = 1 + grid_h · grid_w.
//   W = max(0, W₀ of two patches − W₀ of class token and patch);  clusters: DBSCAN of W's rows
//   a cluster's map: the mean of its rows, bilinear to 4h×4w, median of 7×7, bilinear to the photo
//   a pixel's cluster: that of the largest map;  its label: the most frequent one of its cluster's pixels
// Ties go to the first cluster and to the smallest label. Without a cluster the labels stay. `labels`: (height, width).
void vote_in_clusters(std::span<const float> affinity, int64_t grid_h, int64_t grid_w, const ClusterRule& rule,
                      std::span<uint16_t> labels, int64_t height, int64_t width);

}  // namespace sclip
