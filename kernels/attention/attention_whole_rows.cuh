// Rows of up to 256 scores, held by the warp that needs them. See attention_cuda.cu.
#pragma once

#include "kernels/attention/attention_fragments.cuh"

namespace sclip::cuda {

constexpr int kWholeTiles = kAttentionWholeRows / 64;

// f(tile, pair) for every pair of 8 columns in use, with constant arguments.
template <typename F>
__device__ __forceinline__ void for_pairs(int tail_pairs, int tiles, F&& f) {
#pragma unroll
  for (int pair = 0; pair < 4; ++pair) {
    if (pair >= tail_pairs) break;
    f(0, pair);
  }
#pragma unroll
  for (int tile = 1; tile < kWholeTiles; ++tile) {
    if (tile >= tiles) break;
#pragma unroll
    for (int pair = 0; pair < 4; ++pair) f(tile, pair);
  }
}

template <typename T, int kDim, bool kCorrelative>
__global__ void __launch_bounds__(kAttentionThreads, kCorrelative ? 2 : kDim <= 64 ? 3 : 2)
    attention_whole_rows_kernel(const AttentionArgs<T> p) {
  constexpr int kKeys = kTileKeys<AttentionKernel::kWholeRows, kDim>;
  constexpr int kPitch = Panel<kDim>::kPitch;
  constexpr int kMatrices = kCorrelative ? 3 : 2;
  static_assert(kConflictFree<kDim> && kKeys == 64);
  __shared__ alignas(128) unsigned char memory[(kAttentionRows + 2 * kKeys) * kPitch];

  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const BlockOf<T> block(p);
  const ColumnTiles<kKeys> columns(p, block.first_row);
  const int tiles = columns.full + 1, tail_pairs = columns.pairs();
  const int row = block.first_row + 16 * warp;
  const int rows = min(16, p.tokens - row);  // ≤ 0: a warp below the matrix, which only copies
  const int chunks = p.head_dim / 8;
  const uint32_t left_panel = shared_address(memory) + 16 * warp * kPitch;
  const uint32_t stages = shared_address(memory) + kAttentionRows * kPitch;

  // The tiles of q, k, v (one kind of scores: of the right side, v), each behind the other, through two stages. A tile is asked
  // for when the one before it has arrived, into the stage whose tile every warp is done with.
  int next_matrix = 0, next_tile = tail_pairs > 0 ? 0 : 1, stage = 0;
  const auto ask = [&] {
    if (next_matrix < kMatrices) {
      const int matrix = kCorrelative ? next_matrix : next_matrix == 0 ? p.right : 2;
      const int first = columns.first(next_tile);
      copy_rows<kDim, kKeys, kAttentionThreads>(stages + stage * kKeys * kPitch,
                                                block.qkv + matrix * block.width + first * block.stride, block.stride,
                                                columns.columns(next_tile), chunks, threadIdx.x);
      if (++next_tile == tiles) {
        next_tile = tail_pairs > 0 ? 0 : 1;
        ++next_matrix;
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
  const auto ask_left = [&](int matrix) {  // by the warp that reads them
    copy_rows<kDim, 16, 32>(left_panel, block.qkv + matrix * block.width + row * block.stride, block.stride, max(rows, 0),
                            chunks, lane);
  };

  float s[kWholeTiles][8][4];
  // Halves as A of a product: first the exponentials of the first kind, in f16 for bf16 too (three more digits), then what
  // meets V.
  uint32_t packed[kWholeTiles][4][4];
  float sum[2], first_sum[2];
  LeftRows<kDim, kCorrelative && kDim <= 64> left(left_panel, lane);
  const auto key_lane = LaneAddress<kDim>::chunks_first(lane);

  // s = 2^(slope · left · rightᵀ − its row's maximum); sum = the rows' sums.
  const auto exponentials = [&] {
    copy_async_wait<0>();
    __syncwarp();
    if (rows > 0) left.load();
    if (tail_pairs > 0) {
      const uint32_t keys = arrive();
      if (rows > 0) score_tail<T, kDim, 4>(s[0], left, key_lane, keys, columns.groups());
    }
#pragma unroll
    for (int tile = 1; tile < kWholeTiles; ++tile) {
      if (tile >= tiles) break;
      const uint32_t keys = arrive();
      if (rows > 0) score_full<T, kDim, 4>(s[tile], left, key_lane, keys);
    }
    if (rows <= 0) return;

    const ScoreTrait trait(p, row + lane / 4);
    float slope = p.slope;
    const auto column_of = [&](int tile, int pair, int half) {
      return columns.first(tile) + 16 * pair + 8 * half + lane % 4 * 2;
    };
    if (p.bias != nullptr) {
      for_pairs(tail_pairs, tiles, [&](int tile, int pair) {
        trait.add_bias(s[tile][2 * pair], column_of(tile, pair, 0), slope);
        trait.add_bias(s[tile][2 * pair + 1], column_of(tile, pair, 1), slope);
      });
      slope = 1;
    }
    for_pairs(tail_pairs, p.causal ? tiles : 1, [&](int tile, int pair) {
      trait.hide(s[tile][2 * pair], column_of(tile, pair, 0));
      trait.hide(s[tile][2 * pair + 1], column_of(tile, pair, 1));
    });
    float largest[2] = {kLowestScore, kLowestScore};
    for_pairs(tail_pairs, tiles, [&](int tile, int pair) {
#pragma unroll
      for (int e = 0; e < 8; ++e) largest[e / 2 % 2] = fmaxf(largest[e / 2 % 2], s[tile][2 * pair + e / 4][e % 4]);
    });
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      largest[r] = row_max(largest[r]) * slope;
      sum[r] = 0;
    }
    for_pairs(tail_pairs, tiles, [&](int tile, int pair) {
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        float& x = s[tile][2 * pair + e / 4][e % 4];
        x = exp2_approx(fmaf(x, slope, -largest[e / 2 % 2]));
        sum[e / 2 % 2] += x;
      }
    });
    sum[0] = row_sum(sum[0]);
    sum[1] = row_sum(sum[1]);
  };

  ask_left(kCorrelative ? 0 : p.left);
  ask();
  exponentials();
  float ratio[2] = {0, 0};
  if constexpr (kCorrelative) {
    __syncwarp();  // all lanes have read the rows of q
    ask_left(1);
    copy_async_commit();
    if (rows > 0) {
      for_pairs(tail_pairs, tiles, [&](int tile, int pair) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const float(&x)[4] = s[tile][2 * pair + e / 2];
          packed[tile][pair][e] = pack<F16>(x[e % 2 * 2], x[e % 2 * 2 + 1]);
        }
      });
      first_sum[0] = sum[0];
      first_sum[1] = sum[1];
    }
    exponentials();
    if (rows > 0) {
      ratio[0] = sum[0] / first_sum[0];
      ratio[1] = sum[1] / first_sum[1];
    }
  }

  // (P₁ + P₂) · V = ((E₁ · sum₂ / sum₁ + E₂) · V) / sum₂, the inner parenthesis rounded once. All of it before V, because
  // scores and output together are more than the registers hold.
  if (rows > 0) {
    for_pairs(tail_pairs, tiles, [&](int tile, int pair) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float(&x)[4] = s[tile][2 * pair + e / 2];
        float low = x[e % 2 * 2], high = x[e % 2 * 2 + 1];
        if constexpr (kCorrelative) {
          const float2 other = unpack<F16>(packed[tile][pair][e]);
          low = fmaf(other.x, ratio[e % 2], low);
          high = fmaf(other.y, ratio[e % 2], high);
        }
        packed[tile][pair][e] = pack<T>(low, high);
      }
    });
  }

  const auto value_lane = LaneAddress<kDim>::rows_first(lane);
  float o[1][kDim / 8][4] = {};
  const auto add_pair = [&](int tile, int pair, uint32_t values) {
    uint32_t a[1][4];
#pragma unroll
    for (int e = 0; e < 4; ++e) a[0][e] = packed[tile][pair][e];
    add_values<T, kDim, 1>(o, a, value_lane, values, pair);
  };
  if (tail_pairs > 0) {
    const uint32_t values = arrive();
#pragma unroll
    for (int pair = 0; pair < 4; ++pair) {
      if (pair >= tail_pairs || rows <= 0) break;
      add_pair(0, pair, values);
    }
  }
#pragma unroll
  for (int tile = 1; tile < kWholeTiles; ++tile) {
    if (tile >= tiles) break;
    const uint32_t values = arrive();
    if (rows > 0) {
#pragma unroll
      for (int pair = 0; pair < 4; ++pair) add_pair(tile, pair, values);
    }
  }
  if (rows <= 0) return;
  const float inverse[2] = {1.0f / sum[0], 1.0f / sum[1]};
#pragma unroll
  for (int i = 0; i < kDim / 8; ++i) {
#pragma unroll
    for (int e = 0; e < 4; ++e) o[0][i][e] *= inverse[e / 2];
  }
  store_rows<kDim>(o[0], left_panel, block.out + static_cast<int64_t>(row) * block.width, block.width, rows, chunks, lane);
}

}  // namespace sclip::cuda
