// Correlative self-attention of up to 256 tokens: whole rows of scores, held by the warp that needs them. See
// attention_cuda.cu. A block's time, from left to right; n tiles of 64 tokens go through two stages of shared memory:
//
//   cp.async       q₀ │ q₁    …  k₀     │ k₁    …  v₀    │ v₁    …        │
//   tensor cores      │ q·q₀  …  q·qₙ₋₁ │ k·k₀  …  k·kₙ₋₁ │ P·v₀  …  P·vₙ₋₁ │
//   then, in registers:  S₁ → E₁, sum₁     S₂ → E₂, sum₂,     out / sum₂ → halves
//                        E₁ to f16         P = E₁ · sum₂ / sum₁ + E₂
#pragma once

#include "kernels/attention/attention_columns.cuh"
#include "kernels/attention/attention_products.cuh"
#include "kernels/attention/attention_scores.cuh"

namespace sclip::cuda {

constexpr int kWholeTiles = kAttentionWholeRows / 64;

// f(tile, pair) for every 16 columns in use, with constant arguments.
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

template <typename T, int kDim>
__global__ void __launch_bounds__(kAttentionThreads, 2) attention_whole_rows_kernel(const AttentionArgs<T> p) {
  constexpr int kKeys = kTileKeys<AttentionKernel::kWholeRows, kDim>;
  constexpr int kPitch = Panel<kDim>::kPitch;
  static_assert(kConflictFree<kDim> && kKeys == 64);
  __shared__ alignas(128) unsigned char memory[(kAttentionRows + 2 * kKeys) * kPitch];

  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int first_row = blockIdx.x * kAttentionRows;
  const int width = p.heads * p.head_dim, stride = 3 * width;  // from k to v and from a token to the next
  using Columns = ColumnTiles<kKeys>;
  const Columns columns(p, first_row);
  const int tiles = columns.end, tail_pairs = columns.has_tail() ? Columns::tail_pairs(p.tokens) : 0;
  const int row = first_row + 16 * warp;
  const bool active = row < p.tokens;  // or a warp below the matrix, which only copies
  const int chunks = p.head_dim / 8;
  const auto left_panel = [&] { return shared_address(memory) + (recompute(row) - first_row) * kPitch; };
  const uint32_t stages = shared_address(memory) + kAttentionRows * kPitch;

  // The tiles of q, then those of k, then those of v through two stages. A tile is prefetched
  // for when the one before it has arrived, into the stage whose tile every warp is done with.
  int next = columns.begin;  // matrix · 8 + tile
  uint32_t stage = stages;
  const auto prefetch = [&] {
    if (next < 8 * 3) {
      const int matrix = next / 8, tile = next % 8, first = Columns::first(tile, p.tokens);
      copy_rows<kDim, kKeys, kAttentionThreads>(stage, qkv_of_head(p) + matrix * width + first * stride, stride,
                                                Columns::count(tile, p.tokens), chunks, threadIdx.x);
      next += tile + 1 < tiles ? 1 : 8 - tile + columns.begin;
    }
    copy_async_commit();
    stage ^= stages ^ (stages + kKeys * kPitch);
  };
  const auto wait_tile = [&] {
    copy_async_wait<0>();
    __syncthreads();
    prefetch();
    return stage;  // the stage asked for before this one: there are two
  };
  const auto prefetch_left = [&](int matrix) {  // by the warp that reads them
    copy_rows<kDim, 16, 32>(left_panel(), qkv_of_head(p) + matrix * width + row * stride, stride,
                            min(16, max(p.tokens - row, 0)), chunks, lane);
  };

  float s[kWholeTiles][8][4];
  // Halves as A of a product: first the exponentials of the first kind, in f16 for bf16 too (three more digits), then
  // what meets V.
  uint32_t packed[kWholeTiles][4][4];
  float sum[2], first_sum[2];
  LeftRows<kDim, (kDim <= 32)> left{left_panel()};

  // s = 2^(scale · left · rightᵀ − its row's maximum); sum = the rows' sums.
  const auto exponentials = [&] {
    copy_async_wait<0>();
    __syncwarp();
    if (active) left.load(lane);
    if (tail_pairs > 0) {
      const uint32_t keys = wait_tile();
      if (active) score_tail<T, kDim, 4>(s[0], left, lane, keys, Columns::tail_groups(p.tokens));
    }
#pragma unroll
    for (int tile = 1; tile < kWholeTiles; ++tile) {
      if (tile >= tiles) break;
      const uint32_t keys = wait_tile();
      if (active) score_full<T, kDim, 4>(s[tile], left, lane, keys);
    }
    if (!active) return;

    const ScoreMask mask(p, row + lane / 4);
    float scale = p.softmax_scale_log2;
    const auto column_of = [&](int tile, int pair, int half) {
      return Columns::first(tile, p.tokens) + 16 * pair + 8 * half + lane % 4 * 2;
    };
    if (p.bias != nullptr) {
      for_pairs(tail_pairs, tiles, [&](int tile, int pair) {
        mask.add_bias(s[tile][2 * pair], column_of(tile, pair, 0), scale);
        mask.add_bias(s[tile][2 * pair + 1], column_of(tile, pair, 1), scale);
      });
      scale = 1;
    }
    for_pairs(tail_pairs, p.causal ? tiles : 1, [&](int tile, int pair) {
      mask.hide(s[tile][2 * pair], column_of(tile, pair, 0));
      mask.hide(s[tile][2 * pair + 1], column_of(tile, pair, 1));
    });
    float largest[2] = {kLowestScore, kLowestScore};
    for_pairs(tail_pairs, tiles, [&](int tile, int pair) {
#pragma unroll
      for (int e = 0; e < 8; ++e) largest[e / 2 % 2] = fmaxf(largest[e / 2 % 2], s[tile][2 * pair + e / 4][e % 4]);
    });
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      largest[r] = row_max(largest[r]) * scale;
      sum[r] = 0;
    }
    for_pairs(tail_pairs, tiles, [&](int tile, int pair) {
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        float& x = s[tile][2 * pair + e / 4][e % 4];
        x = exp2_approx(fmaf(x, scale, -largest[e / 2 % 2]));
        sum[e / 2 % 2] += x;
      }
    });
    sum[0] = row_sum(sum[0]);
    sum[1] = row_sum(sum[1]);
  };

  prefetch_left(0);
  prefetch();
  exponentials();
  __syncwarp();  // all lanes have read the rows of q
  prefetch_left(1);
  copy_async_commit();
  if (active) {
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

  // (P₁ + P₂) · V = ((E₁ · sum₂ / sum₁ + E₂) · V) / sum₂, the inner parenthesis rounded once. All of it before V,
  // because scores and output together are more than the registers hold.
  if (active) {
    const float ratio[2] = {sum[0] / first_sum[0], sum[1] / first_sum[1]};
    for_pairs(tail_pairs, tiles, [&](int tile, int pair) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float(&x)[4] = s[tile][2 * pair + e / 2];
        const float2 other = unpack<F16>(packed[tile][pair][e]);
        packed[tile][pair][e] =
            pack<T>(fmaf(other.x, ratio[e % 2], x[e % 2 * 2]), fmaf(other.y, ratio[e % 2], x[e % 2 * 2 + 1]));
      }
    });
  }

  float o[1][kDim / 8][4] = {};
  const auto add_pair = [&](int tile, int pair, const LaneAddress<kDim>& address, uint32_t values) {
    uint32_t a[1][4];
#pragma unroll
    for (int e = 0; e < 4; ++e) a[0][e] = packed[tile][pair][e];
    add_values<T, kDim, 1>(o, a, address, values, pair);
  };
  if (tail_pairs > 0) {
    const uint32_t values = wait_tile();
    const auto address = LaneAddress<kDim>::rows_first(recompute(lane));
#pragma unroll
    for (int pair = 0; pair < 4; ++pair) {
      if (pair >= tail_pairs || !active) break;
      add_pair(0, pair, address, values);
    }
  }
#pragma unroll
  for (int tile = 1; tile < kWholeTiles; ++tile) {
    if (tile >= tiles) break;
    const uint32_t values = wait_tile();
    const auto address = LaneAddress<kDim>::rows_first(recompute(lane));
    if (active) {
#pragma unroll
      for (int pair = 0; pair < 4; ++pair) add_pair(tile, pair, address, values);
    }
  }
  if (!active) return;
  const float inverse[2] = {1.0f / sum[0], 1.0f / sum[1]};
#pragma unroll
  for (int i = 0; i < kDim / 8; ++i) {
#pragma unroll
    for (int e = 0; e < 4; ++e) o[0][i][e] *= inverse[e / 2];
  }
  store_rows<kDim>(o[0], left_panel(), out_of_row(p, row), width, min(16, p.tokens - row), chunks, lane);
}

}  // namespace sclip::cuda
