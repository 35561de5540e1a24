// Rows of any length: a running maximum and sum for each kind of scores. See attention_cuda.cu.
#pragma once

#include "kernels/attention/attention_fragments.cuh"

namespace sclip::cuda {

// Blocks that the registers of an SM are meant to hold: the output alone takes head_dim / 2 of a thread's, twice for two kinds.
constexpr int attention_online_blocks(int dim, bool correlative) {
  return correlative ? (dim <= 32 ? 3 : 2) : dim <= 64 ? 4 : 3;
}

template <typename T, int kDim, bool kCorrelative>
__global__ void __launch_bounds__(kAttentionThreads, attention_online_blocks(kDim, kCorrelative))
    attention_online_kernel(const AttentionArgs<T> p) {
  constexpr int kKeys = kTileKeys<AttentionKernel::kOnline, kDim>;
  constexpr int kPairs = kKeys / 16;
  constexpr int kPitch = Panel<kDim>::kPitch;
  constexpr int kSets = kCorrelative ? 2 : 1;
  constexpr bool kHeld = kDim <= 64;
  static_assert(kConflictFree<kDim>);
  __shared__ alignas(128) unsigned char memory[(kSets * kAttentionRows + 2 * kKeys) * kPitch];

  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const BlockOf<T> block(p);
  const ColumnTiles<kKeys> columns(p, block.first_row);
  const int tiles = columns.full + 1;
  const int row = block.first_row + 16 * warp;
  const int rows = min(16, p.tokens - row);  // ≤ 0: a warp below the matrix, which only copies
  const int chunks = p.head_dim / 8;
  const uint32_t left_panel = shared_address(memory) + 16 * warp * kPitch;
  const uint32_t stages = shared_address(memory) + kSets * kAttentionRows * kPitch;

  // Of every tile of columns first the right sides, then v, through two stages. A tile is asked for when the one before it has
  // arrived, into the stage whose tile every warp is done with.
  int next_set = 0, next_tile = columns.tail_columns > 0 ? 0 : 1, stage = 0;
  const auto ask = [&] {
    if (next_tile < tiles) {
      const int matrix = next_set == kSets ? 2 : kCorrelative ? next_set : p.right;
      const int first = columns.first(next_tile);
      copy_rows<kDim, kKeys, kAttentionThreads>(stages + stage * kKeys * kPitch,
                                                block.qkv + matrix * block.width + first * block.stride, block.stride,
                                                columns.columns(next_tile), chunks, threadIdx.x);
      if (++next_set > kSets) {
        next_set = 0;
        ++next_tile;
      }
    }
    copy_async_commit();
    stage ^= 1;
  };
  const auto arrive = [&] {
    copy_async_wait<0>();
    __syncthreads();
    const uint32_t arrived = stages + (stage ^ 1) * kKeys * kPitch;
    ask();
    return arrived;
  };

  LeftRows<kDim, kHeld> left[kSets];
#pragma unroll
  for (int set = 0; set < kSets; ++set) {
    left[set] = LeftRows<kDim, kHeld>(left_panel + set * kAttentionRows * kPitch, lane);
    copy_rows<kDim, 16, 32>(left_panel + set * kAttentionRows * kPitch,
                            block.qkv + (kCorrelative ? set : p.left) * block.width + row * block.stride, block.stride,
                            max(rows, 0), chunks, lane);
  }
  ask();
  copy_async_wait<0>();
  __syncwarp();
#pragma unroll
  for (int set = 0; set < kSets; ++set) {
    if (rows > 0) left[set].load();
  }

  const auto key_lane = LaneAddress<kDim>::chunks_first(lane), value_lane = LaneAddress<kDim>::rows_first(lane);
  float o[kSets][kDim / 8][4] = {};
  float largest[kSets][2], sum[kSets][2];  // of the two rows; each lane sums its own columns
#pragma unroll
  for (int i = 0; i < 2 * kSets; ++i) {
    largest[i / 2][i % 2] = kLowestScore;
    sum[i / 2][i % 2] = 0;
  }

  // s becomes probabilities under the maximum known so far, packed as A of a product; o and sum follow a new maximum.
  const auto exponentials = [&](int set, float(&s)[2 * kPairs][4], uint32_t(&packed)[kPairs][4], int column, bool hide) {
    const ScoreTrait trait(p, row + lane / 4);
    float slope = p.slope;
    if (p.bias != nullptr) {
#pragma unroll
      for (int j = 0; j < 2 * kPairs; ++j) trait.add_bias(s[j], column + 8 * j, slope);
      slope = 1;
    }
    if (hide) {
#pragma unroll
      for (int j = 0; j < 2 * kPairs; ++j) trait.hide(s[j], column + 8 * j);
    }
    float shift[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float x = largest[set][r];
#pragma unroll
      for (int j = 0; j < 2 * kPairs; ++j) x = fmaxf(x, fmaxf(s[j][2 * r], s[j][2 * r + 1]));
      x = row_max(x);
      shift[r] = x * slope;
      const float factor = exp2_approx(fmaf(largest[set][r], slope, -shift[r]));
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
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        s[j][e] = exp2_approx(fmaf(s[j][e], slope, -shift[e / 2]));
        sum[set][e / 2] += s[j][e];
      }
      packed[j / 2][j % 2 * 2] = pack<T>(s[j][0], s[j][1]);
      packed[j / 2][j % 2 * 2 + 1] = pack<T>(s[j][2], s[j][3]);
    }
  };

  uint32_t packed[kSets][kPairs][4];
  const auto add_pair = [&](int pair, uint32_t values) {
    uint32_t a[kSets][4];
#pragma unroll
    for (int i = 0; i < 4 * kSets; ++i) a[i / 4][i % 4] = packed[i / 4][pair][i % 4];
    add_values<T, kDim, kSets>(o, a, value_lane, values, pair);
  };

  if (columns.tail_columns > 0) {
#pragma unroll
    for (int set = 0; set < kSets; ++set) {
      const uint32_t keys = arrive();
      if (rows > 0) {
        float s[2 * kPairs][4];
        score_tail<T, kDim, kPairs>(s, left[set], key_lane, keys, columns.groups());
        exponentials(set, s, packed[set], columns.tail_first + lane % 4 * 2, true);
      }
    }
    const uint32_t values = arrive();
#pragma unroll
    for (int pair = 0; pair < kPairs; ++pair) {
      if (pair >= columns.pairs() || rows <= 0) break;
      add_pair(pair, values);
    }
  }
  for (int tile = 1; tile < tiles; ++tile) {
    const int first = columns.first(tile);
    const bool seen = rows > 0 && (!p.causal || first < row + 16);
#pragma unroll
    for (int set = 0; set < kSets; ++set) {
      const uint32_t keys = arrive();
      if (seen) {
        float s[2 * kPairs][4];
        score_full<T, kDim, kPairs>(s, left[set], key_lane, keys);
        exponentials(set, s, packed[set], first + lane % 4 * 2, p.causal);
      }
    }
    const uint32_t values = arrive();
    if (seen) {
#pragma unroll
      for (int pair = 0; pair < kPairs; ++pair) add_pair(pair, values);
    }
  }
  if (rows <= 0) return;

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
  store_rows<kDim>(o[0], left_panel, block.out + static_cast<int64_t>(row) * block.width, block.width, rows, chunks, lane);
}

}  // namespace sclip::cuda
