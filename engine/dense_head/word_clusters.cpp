// Groups that end up as one lie within h of each other pair by pair, so that each connected part of the graph of pairs
// within h is a problem of its own. In a part, nearest-neighbour chains: two groups that are each other's nearest
// become one, which for complete linkage gives the same tree as always joining the two closest (Müllner, arXiv
// 1109.2378). K² · E multiplications, and for a part of n queries n² operations and distances.
#include "engine/dense_head/word_clusters.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace sclip {
namespace {

double distance(const float* a, const float* b, int64_t dim) {
  double sum = 0;
  for (int64_t i = 0; i < dim; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return 1 - sum;
}

// Union by the smaller root, so that a group's number is its first query.
class Groups {
 public:
  explicit Groups(size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), size_t{0}); }
  size_t find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(size_t a, size_t b) {
    a = find(a);
    b = find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<size_t> parent_;
};

// Joins what complete linkage joins up to h among `members`, by their numbers in `groups`.
void link(const std::vector<size_t>& members, const float* embeddings, int64_t dim, double h, Groups& groups) {
  const size_t n = members.size();
  std::vector<double> apart(n * n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j) {
      apart[i * n + j] = apart[j * n + i] = distance(embeddings + members[i] * static_cast<size_t>(dim),
                                                     embeddings + members[j] * static_cast<size_t>(dim), dim);
    }
  }
  std::vector<size_t> alive(n), chain;
  std::iota(alive.begin(), alive.end(), size_t{0});
  while (alive.size() > 1) {
    if (chain.empty()) chain.push_back(alive[0]);
    for (;;) {
      const size_t tip = chain.back();
      // The one before it wins a tie, which ends the chain.
      size_t nearest = chain.size() > 1 ? chain[chain.size() - 2] : tip;
      double least = nearest != tip ? apart[tip * n + nearest] : std::numeric_limits<double>::infinity();
      for (const size_t other : alive) {
        if (other != tip && apart[tip * n + other] < least) {
          least = apart[tip * n + other];
          nearest = other;
        }
      }
      if (chain.size() > 1 && nearest == chain[chain.size() - 2]) {
        if (least <= h) groups.join(members[tip], members[nearest]);
        chain.resize(chain.size() - 2);
        // `nearest` stands for both from here on.
        for (const size_t other : alive) {
          apart[nearest * n + other] = apart[other * n + nearest] =
              std::max(apart[nearest * n + other], apart[tip * n + other]);
        }
        std::erase(alive, tip);
        break;
      }
      chain.push_back(nearest);
    }
  }
}

}  // namespace

std::vector<std::vector<int32_t>> cluster_words(std::span<const float> embeddings, int64_t count, double h) {
  const auto k = static_cast<size_t>(count);
  const int64_t dim = count > 0 ? static_cast<int64_t>(embeddings.size()) / count : 0;
  Groups near(k), groups(k);
  for (size_t i = 0; i < k; ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (distance(embeddings.data() + i * static_cast<size_t>(dim), embeddings.data() + j * static_cast<size_t>(dim),
                   dim) <= h) {
        near.join(i, j);
      }
    }
  }
  std::vector<std::vector<size_t>> parts(k);
  for (size_t i = 0; i < k; ++i) parts[near.find(i)].push_back(i);
  for (const auto& part : parts) {
    if (part.size() > 1) link(part, embeddings.data(), dim, h, groups);
  }
  std::vector<std::vector<int32_t>> by_root(k), out;
  for (size_t i = 0; i < k; ++i) by_root[groups.find(i)].push_back(static_cast<int32_t>(i));
  for (auto& group : by_root) {
    if (!group.empty()) out.push_back(std::move(group));
  }
  return out;
}

}  // namespace sclip
