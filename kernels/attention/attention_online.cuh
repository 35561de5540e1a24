// Rows of any length: a running maximum and sum for each kind of scores. See attention_cuda.cu.
#pragma once

#include "kernels/attention/attention_columns.cuh"
#include "kernels/attention/attention_products.cuh"
#include "kernels/attention/attention_scores.cuh"

namespace sclip::cuda {

// Blocks that the registers of an SM are meant to hold: the output alone takes head_dim / 2 of a thread's, twice for
// two kinds.
constexpr int attention_online_blocks(int dim, bool correlative) {
  return correlative ? 2 : dim <= 64 ? 4 : 3;
}

template <typename T, int kDim, bool kCorrelative>
__global__ void __launch_bounds__(kAttentionThreads, attention_online_blocks(kDim, kCorrelative))
    attention_online_kernel(const AttentionArgs<T> p) {
  constexpr int kKeys = kTileKeys<AttentionKernel::kOnline, kDim>;
  constexpr int kPairs = kKeys / 16;
  constexpr int kPitch = Panel<kDim>::kPitch;
  constexpr int kSets = kCorrelative ? 2 : 1;
  constexpr bool kHeld = kCorrelative && kDim <= 64;
  static_assert(kConflictFree<kDim>);
  __shared__ alignas(128) unsigned char memory[(kSets * kAttentionRows + 2 * kKeys) * kPitch];

  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int first_row = blockIdx.x * kAttentionRows;
  const int width = p.heads * p.head_dim, stride = 3 * width;  // from k to v and from a token to the next
  using Columns = ColumnTiles<kKeys>;
  const Columns columns(p, first_row);
  const int row = first_row + 16 * warp;
  const bool active = row < p.tokens;  // or a warp below the matrix, which only copies
  const int chunks = p.head_dim / 8;
  const uint32_t left_panel = shared_address(memory) + 16 * warp * kPitch;
  const uint32_t stages = shared_address(memory) + kSets * kAttentionRows * kPitch;

  // Of every tile of columns first the right sides, then v, through two stages. A tile is prefetched when the one
  // before it has arrived, into the stage whose tile every warp is done with.
  int next_set = 0, next_tile = columns.begin, stage = 0;
  const auto prefetch = [&] {
    if (next_tile < columns.end) {
      const int matrix = next_set == kSets ? 2 : kCorrelative ? next_set : p.right;
      const int first = Columns::first(next_tile, p.tokens);
      copy_rows<kDim, kKeys, kAttentionThreads>(stages + stage * kKeys * kPitch,
                                                qkv_of_head(p) + matrix * width + first * stride, stride,
                                                Columns::count(next_tile, p.tokens), chunks, threadIdx.x);
      if (++next_set > kSets) {
        next_set = 0;
        ++next_tile;
      }
    }
    copy_async_commit();
    stage ^= 1;
  };
  const auto wait_tile = [&] {
    copy_async_wait<0>();
    __syncthreads();
    const uint32_t tile_here = stages + (stage ^ 1) * kKeys * kPitch;
    prefetch();
    return tile_here;
  };

  LeftRows<kDim, kHeld> left[kSets];
#pragma unroll
  for (int set = 0; set < kSets; ++set) {
    left[set].panel = left_panel + set * kAttentionRows * kPitch;
    copy_rows<kDim, 16, 32>(left[set].panel, qkv_of_head(p) + (kCorrelative ? set : p.left) * width + row * stride,
                            stride, min(16, max(p.tokens - row, 0)), chunks, lane);
  }
  prefetch();
  copy_async_wait<0>();
  __syncwarp();
#pragma unroll
  for (int set = 0; set < kSets; ++set) {
    if (active) left[set].load(lane);
  }

  float o[kSets][kDim / 8][4] = {};
  float largest[kSets][2], sum[kSets][2];  // of the two rows; each lane sums its own columns
#pragma unroll
  for (int i = 0; i < 2 * kSets; ++i) {
    largest[i / 2][i % 2] = kLowestScore;
    sum[i / 2][i % 2] = 0;
  }

  // s becomes probabilities under the maximum known so far, packed as A of a product; o and sum follow a new maximum.
  // `pairs` of 16 columns hold scores.
  const auto exponentials = [&](int set, float(&s)[2 * kPairs][4], uint32_t(&packed)[kPairs][4], int column, int pairs,
                                bool hide) {
    const ScoreMask mask(p, row + lane / 4);
    float scale = p.softmax_scale_log2;
    if (p.bias != nullptr) {
#pragma unroll
      for (int j = 0; j < 2 * kPairs; ++j) {
        if (j / 2 >= pairs) break;
        mask.add_bias(s[j], column + 8 * j, scale);
      }
      scale = 1;
    }
    if (hide) {
#pragma unroll
      for (int j = 0; j < 2 * kPairs; ++j) {
        if (j / 2 >= pairs) break;
        mask.hide(s[j], column + 8 * j);
      }
    }
    float shift[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float x = largest[set][r];
#pragma unroll
      for (int j = 0; j < 2 * kPairs; ++j) {
        if (j / 2 >= pairs) break;
        x = fmaxf(x, fmaxf(s[j][2 * r], s[j][2 * r + 1]));
      }
      x = row_max(x);
      shift[r] = x * scale;
      const float factor = exp2_approx(fmaf(largest[set][r], scale, -shift[r]));
      largest[set][r] = x;
      sum[set][r] *= factor;
#pragma unroll
      for (int i = 0; i < kDim / 8; ++i) {
        o[set][i][2 * r] *= factor;
        o[set][i][2 * r + 1] *= factor;
      }
    }
#pragma unroll
    for (int j = 0; j < 2 * kPairs; ++j) {
      if (j / 2 >= pairs) break;
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        s[j][e] = exp2_approx(fmaf(s[j][e], scale, -shift[e / 2]));
        sum[set][e / 2] += s[j][e];
      }
      packed[j / 2][j % 2 * 2] = pack<T>(s[j][0], s[j][1]);
      packed[j / 2][j % 2 * 2 + 1] = pack<T>(s[j][2], s[j][3]);
    }
  };

  uint32_t packed[kSets][kPairs][4];
  const auto add_pair = [&](int pair, const LaneAddress<kDim>& address, uint32_t values) {
    uint32_t a[kSets][4];
#pragma unroll
    for (int i = 0; i < 4 * kSets; ++i) a[i / 4][i % 4] = packed[i / 4][pair][i % 4];
    add_values<T, kDim, kSets>(o, a, address, values, pair);
  };

  if (columns.has_tail()) {
#pragma unroll
    for (int set = 0; set < kSets; ++set) {
      const uint32_t keys = wait_tile();
      if (active) {
        float s[2 * kPairs][4];
        score_tail<T, kDim, kPairs>(s, left[set], lane, keys, Columns::tail_groups(p.tokens));
        exponentials(set, s, packed[set], Columns::first(0, p.tokens) + lane % 4 * 2, Columns::tail_pairs(p.tokens),
                     true);
      }
    }
    const uint32_t values = wait_tile();
    const auto address = LaneAddress<kDim>::rows_first(recompute(lane));
#pragma unroll
    for (int pair = 0; pair < kPairs; ++pair) {
      if (pair >= Columns::tail_pairs(p.tokens) || !active) break;
      add_pair(pair, address, values);
    }
  }
  for (int tile = 1; tile < columns.end; ++tile) {
    const int first = Columns::first(tile, p.tokens);
    const bool seen = active && (!p.causal || first < row + 16);
#pragma unroll
    for (int set = 0; set < kSets; ++set) {
      const uint32_t keys = wait_tile();
      if (seen) {
        float s[2 * kPairs][4];
        score_full<T, kDim, kPairs>(s, left[set], lane, keys);
        exponentials(set, s, packed[set], first + lane % 4 * 2, kPairs, p.causal);
      }
    }
    const uint32_t values = wait_tile();
    const auto address = LaneAddress<kDim>::rows_first(recompute(lane));
    if (seen) {
#pragma unroll
      for (int pair = 0; pair < kPairs; ++pair) add_pair(pair, address, values);
    }
  }
  if (!active) return;

  float inverse[kSets][2];
#pragma unroll
  for (int i = 0; i < 2 * kSets; ++i) inverse[i / 2][i % 2] = 1.0f / row_sum(sum[i / 2][i % 2]);
#pragma unroll
  for (int i = 0; i < kDim / 8; ++i) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      o[0][i][e] *= inverse[0][e / 2];
      if constexpr (kCorrelative) o[0][i][e] = fmaf(o[1][i][e], inverse[1][e / 2], o[0][i][e]);
    }
  }
  store_rows<kDim>(o[0], left_panel, out_of_row(p, row), width, min(16, p.tokens - row), chunks, lane);
}

}  // namespace sclip::cuda
