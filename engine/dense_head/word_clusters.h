// Groups of queries that mean nearly the same: complete-linkage clustering of their embeddings by cosine distance.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sclip {

// `embeddings`: (count, dim), unit rows. The two closest groups, by their farthest members, become one as long as these
// are not farther than h apart (1 − cosine). Every query once, ascending in its group; groups by their first query.
std::vector<std::vector<int32_t>> cluster_words(std::span<const float> embeddings, int64_t count, double h);

}  // namespace sclip
