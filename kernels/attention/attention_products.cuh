// The two products of one warp: scores = left · keysᵀ and out += P · values.
#pragma once

#include "kernels/attention/attention_panel.cuh"

namespace sclip::cuda {

// The 16 rows of a warp as A of a product with depth kDim: held in registers, or read again for every tile.
template <int kDim, bool kHeld>
struct LeftRows {
  uint32_t panel;
  uint32_t held[kHeld ? kDim / 16 : 1][4];

  __device__ __forceinline__ void load(int lane) {
    if constexpr (kHeld) {
      const auto address = LaneAddress<kDim>::rows_first(lane);
#pragma unroll
      for (int i = 0; i < kDim / 16; ++i) ldmatrix_x4(held[i], address.at(panel, 0, i));
    }
  }
  __device__ __forceinline__ void get(uint32_t (&a)[4], const LaneAddress<kDim>& address, int i) const {
    if constexpr (kHeld) {
#pragma unroll
      for (int j = 0; j < 4; ++j) a[j] = held[i][j];
    } else {
      ldmatrix_x4(a, address.at(panel, 0, i));
    }
  }
};

// s (16, 16·kPairs) = left (16, kDim) · keysᵀ: pairs of 8 keys, one ldmatrix for two products.
template <typename T, int kDim, int kPairs, bool kHeld>
__device__ __forceinline__ void score_full(float (&s)[2 * kPairs][4], const LeftRows<kDim, kHeld>& left, int lane,
                                           uint32_t keys) {
  lane = recompute(lane);
  const auto left_address = LaneAddress<kDim>::rows_first(lane), key_address = LaneAddress<kDim>::chunks_first(lane);
#pragma unroll
  for (int j = 0; j < 2 * kPairs; ++j) s[j][0] = s[j][1] = s[j][2] = s[j][3] = 0;
#pragma unroll
  for (int i = 0; i < kDim / 16; ++i) {
    uint32_t a[4];
    left.get(a, left_address, i);
#pragma unroll
    for (int pair = 0; pair < kPairs; ++pair) {
      uint32_t b[4];
      ldmatrix_x4(b, key_address.at(keys, pair, i));
      mma<T>(s[2 * pair], a, b[0], b[1]);
      mma<T>(s[2 * pair + 1], a, b[2], b[3]);
    }
  }
}

// The same for a tile that ends after `groups` groups of 8 keys. What lies beyond is not multiplied.
template <typename T, int kDim, int kPairs, bool kHeld>
__device__ __forceinline__ void score_tail(float (&s)[2 * kPairs][4], const LeftRows<kDim, kHeld>& left, int lane,
                                           uint32_t keys, int groups) {
  lane = recompute(lane);
  const auto left_address = LaneAddress<kDim>::rows_first(lane), key_address = LaneAddress<kDim>::chunks_first(lane);
#pragma unroll
  for (int j = 0; j < 2 * kPairs; ++j) s[j][0] = s[j][1] = s[j][2] = s[j][3] = 0;
#pragma unroll
  for (int pair = 0; pair < kPairs; ++pair) {
    if (2 * pair >= groups) break;
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i) {
      uint32_t a[4], b[4];
      left.get(a, left_address, i);
      ldmatrix_x4(b, key_address.at(keys, pair, i));
      mma<T>(s[2 * pair], a, b[0], b[1]);
      if (2 * pair + 1 < groups) mma<T>(s[2 * pair + 1], a, b[2], b[3]);
    }
  }
}

// o (16, kDim) += p (16, 16) · 16 rows of values, for each of kSets p that share the values.
template <typename T, int kDim, int kSets>
__device__ __forceinline__ void add_values(float (&o)[kSets][kDim / 8][4], const uint32_t (&p)[kSets][4],
                                           const LaneAddress<kDim>& address, uint32_t values, int pair) {
#pragma unroll
  for (int i = 0; i < kDim / 16; ++i) {
    uint32_t b[4];
    ldmatrix_x4_transposed(b, address.at(values, pair, i));
#pragma unroll
    for (int set = 0; set < kSets; ++set) {
      mma<T>(o[set][2 * i], p[set], b[0], b[1]);
      mma<T>(o[set][2 * i + 1], p[set], b[2], b[3]);
    }
  }
}

}  // namespace sclip::cuda
