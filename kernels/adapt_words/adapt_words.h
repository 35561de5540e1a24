// Words adapt to a window: of each cluster of queries the one that fits best is drawn towards the patches it names.
//
//   k      of every cluster the query with the largest fit g[k]; the lowest of several
//   m      unit(f_a + f_b): the two patches with the largest cosine with t_k, the lowest of several; the only one of
//   one t'_k   unit((1 − alpha) · t_k + alpha · m)                    of those queries alone; alpha 0 leaves all as
//   they are cosines[p, k] ← (1 − weight) · f_p · t'_k + weight · g[k]     of all queries
//
// Unit here divides by the norm, or by 1e-12 where that is larger.
#pragma once

#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "sclip/error.h"

namespace sclip {

struct AdaptWordsParams {
  const float* features = nullptr;   // (batch, P, E), unit rows
  const float* words = nullptr;      // (K, E), unit rows
  const float* fit = nullptr;        // (batch, K), or (K) for all: fit_stride 0
  int64_t fit_stride = 0;            // floats
  const int32_t* begins = nullptr;   // (clusters + 1): where each begins in members, and its end. All pointers are
  const int32_t* members = nullptr;  // (K) backend memory; every query once, ascending in a cluster
  float* cosines = nullptr;          // (batch, P, K): f · t, and what becomes of it
  int64_t batch = 1;
  int64_t patches = 0;    // P ≥ 1
  int64_t embed_dim = 0;  // E
  int64_t queries = 0;    // K ≥ 1
  int64_t clusters = 0;   // 1 … K
  float alpha = 0;        // 0 … 1
  float weight = 0;       // 0 … 1
};

// What both implementations ask of their arguments.
inline void check_params(const AdaptWordsParams& p) {
  SCLIP_CHECK(p.batch >= 0 && p.patches >= 1 && p.embed_dim >= 1 && p.queries >= 1 && p.clusters >= 1 &&
                  p.clusters <= p.queries && p.fit_stride >= 0,
              kInvalidArgument, "adapt_words: ", p.batch, " × ", p.patches, " patches of ", p.embed_dim, ", ",
              p.queries, " queries in ", p.clusters, " clusters, ", p.fit_stride,
              " floats from a window's fits to the next");
  // Written so that NaN is refused.
  SCLIP_CHECK(p.alpha >= 0 && p.alpha <= 1 && p.weight >= 0 && p.weight <= 1, kInvalidArgument,
              "adapt_words: alpha is ", p.alpha, " and weight ", p.weight, "; both must be 0 … 1");
  SCLIP_CHECK(p.batch == 0 || (p.features != nullptr && p.words != nullptr && p.fit != nullptr && p.begins != nullptr &&
                               p.members != nullptr && p.cosines != nullptr),
              kInvalidArgument, "adapt_words: features, words, fits, clusters and cosines must be given");
}

void adapt_words_cpu(const AdaptWordsParams& params, CpuQueue queue);
void adapt_words_cuda(const AdaptWordsParams& params, CudaQueue queue);

namespace ref {
void adapt_words(const AdaptWordsParams& params);
}

}  // namespace sclip
