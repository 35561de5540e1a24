// P that is more than softmaxes of scores, or is itself a result, on tensor cores: a pass over the keys for each row's
// maximum and sum, and one in which P is complete, tile by tile, before it meets V. See attention_cuda.cu.
#pragma once

#include "kernels/attention/attention_columns.cuh"
#include "kernels/attention/attention_general.cuh"
#include "kernels/attention/attention_products.cuh"
#include "kernels/attention/attention_scores.cuh"

namespace sclip::cuda {

template <typename T, int kDim>
__global__ void __launch_bounds__(kAttentionThreads, 2) attention_two_pass_kernel(const GeneralArgs<T> p) {
  constexpr int kKeys = kTileKeys<AttentionKernel::kTwoPass, kDim>;
  constexpr int kPairs = kKeys / 16;
  constexpr int kPitch = Panel<kDim>::kPitch;
  static_assert(kConflictFree<kDim>);
  extern __shared__ uint4 two_pass_memory[];

  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int row = blockIdx.x * kAttentionRows + 16 * warp;
  const bool active = row < p.tokens;                          // or a warp below the matrix, which only copies
  const int width = p.heads * p.head_dim, stride = 3 * width;  // from k to v and from a token to the next
  const int chunks = p.head_dim / 8;
  const int panels = max(p.products, 1);
  using Columns = ColumnTiles<kKeys>;
  const int tiles = (p.tokens - 1) / kKeys + 1;
  // Left rows of each product, two stages of keys or values, and of every softmax and row the maximum and the weight of
  // its exponentials.
  const uint32_t left_panel = shared_address(two_pass_memory) + 16 * warp * kPitch;
  const uint32_t stages = shared_address(two_pass_memory) + panels * kAttentionRows * kPitch;
  auto* const statistics = reinterpret_cast<float2*>(reinterpret_cast<char*>(two_pass_memory) +
                                                     (panels * kAttentionRows + 2 * kKeys) * kPitch) +
                           16 * warp;
  const float scale = p.softmax_scale_log2 * p.window_scale();

  for (int head = blockIdx.y; head < p.heads; head += static_cast<int>(gridDim.y)) {
    // First pass: all tiles of the first product's right side, then those of the next. Second pass: of every tile of
    // columns the right sides, then V. A tile is prefetched when the one before it has arrived, into the stage whose
    // tile every warp is done with.
    const int of_tile = p.products + (p.out != nullptr ? 1 : 0);
    bool first_pass = p.products > 0;
    int next_tile = of_tile > 0 ? 0 : tiles, next_matrix = 0, stage = 0;
    const auto prefetch = [&] {
      if (next_tile < tiles) {
        const bool product = next_matrix < p.products;
        const int matrix = product ? p.right_of(next_matrix) : 2;
        copy_rows<kDim, kKeys, kAttentionThreads>(stages + stage * kKeys * kPitch,
                                                  of_head(p, product ? p.qkv : p.values, head) + matrix * width +
                                                      Columns::first(next_tile, p.tokens) * stride,
                                                  stride, Columns::count(next_tile, p.tokens), chunks, threadIdx.x);
        if (!first_pass) {
          if (++next_matrix == of_tile) next_matrix = 0, ++next_tile;
        } else if (++next_tile == tiles) {
          next_tile = 0;
          if (++next_matrix == p.products) next_matrix = 0, first_pass = false;
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

    for (int i = 0; i < p.products; ++i) {
      copy_rows<kDim, 16, 32>(left_panel + i * kAttentionRows * kPitch,
                              qkv_of_head(p, head) + p.left_of(i) * width + row * stride, stride,
                              min(16, max(p.tokens - row, 0)), chunks, lane);
    }
    prefetch();
    copy_async_wait<0>();
    __syncwarp();

    // A lane holds columns 2t and 2t + 1 of every group of 8, of two rows that lie 8 apart; t = lane % 4.
    const auto row_of = [&](int r) { return min(recompute(row) + lane / 4 + 8 * r, p.tokens - 1); };
    const auto first_column = [&](int tile) { return Columns::first(tile, p.tokens) + recompute(lane) % 4 * 2; };
    const auto pairs_of = [&](int tile) { return tile == 0 ? Columns::tail_pairs(p.tokens) : kPairs; };

    // log₂e · (scale · left · rightᵀ + bias) of a tile, −∞ behind the last column.
    const auto scores = [&](int softmax, int tile, float(&s)[2 * kPairs][4]) {
      const uint32_t keys = p.products > 0 ? wait_tile() : 0;
      if (!active) return;
      if (p.products > 0) {
        const LeftRows<kDim, false> left{left_panel + softmax * kAttentionRows * kPitch, {}};
        if (tile == 0) {
          score_tail<T, kDim, kPairs>(s, left, lane, keys, Columns::tail_groups(p.tokens));
        } else {
          score_full<T, kDim, kPairs>(s, left, lane, keys);
        }
      } else {
#pragma unroll
        for (int j = 0; j < 2 * kPairs; ++j) s[j][0] = s[j][1] = s[j][2] = s[j][3] = 0;
      }
      const int pairs = pairs_of(tile), column = first_column(tile);
#pragma unroll
      for (int j = 0; j < 2 * kPairs; ++j) {
        if (j / 2 >= pairs) break;
#pragma unroll
        for (int e = 0; e < 4; ++e) s[j][e] *= scale;
      }
      if (p.biases.data != nullptr) {
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          const float* const bias = p.biases.row(head, row_of(r)) + column;
#pragma unroll
          for (int j = 0; j < 2 * kPairs; ++j) {
            if (j / 2 >= pairs) break;
#pragma unroll
            for (int e = 0; e < 2; ++e) {
              float& x = s[j][2 * r + e];
              if (column + 8 * j + e < p.tokens) x = fmaf(std::numbers::log2e_v<float>, __ldg(bias + 8 * j + e), x);
            }
          }
        }
      }
      if (tile > 0) return;
#pragma unroll
      for (int j = 0; j < 2 * kPairs; ++j) {
        if (j / 2 >= pairs) break;
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          if (column + 8 * j + e % 2 >= p.tokens) s[j][e] = -INFINITY;
        }
      }
    };

    for (int softmax = 0; softmax < p.softmaxes; ++softmax) {
      float largest[2] = {kLowestScore, kLowestScore}, sum[2] = {0, 0};  // each lane sums its own columns
      for (int tile = 0; tile < tiles; ++tile) {
        float s[2 * kPairs][4];
        scores(softmax, tile, s);
        if (!active) continue;
        const int pairs = pairs_of(tile);
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          float x = largest[r];
#pragma unroll
          for (int j = 0; j < 2 * kPairs; ++j) {
            if (j / 2 >= pairs) break;
            x = fmaxf(x, fmaxf(s[j][2 * r], s[j][2 * r + 1]));
          }
          x = row_max(x);
          sum[r] *= exp2_approx(largest[r] - x);
          largest[r] = x;
#pragma unroll
          for (int j = 0; j < 2 * kPairs; ++j) {
            if (j / 2 >= pairs) break;
            sum[r] += exp2_approx(s[j][2 * r] - x) + exp2_approx(s[j][2 * r + 1] - x);
          }
        }
      }
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float weight = p.softmax_weight / row_sum(sum[r]);
        if (lane % 4 == 0) {
          statistics[softmax * kAttentionRows + lane / 4 + 8 * r] = make_float2(largest[r], weight);
        }
      }
    }
    __syncwarp();

    float o[1][kDim / 8][4] = {};
    for (int tile = 0; tile < tiles; ++tile) {
      const int pairs = pairs_of(tile), column = first_column(tile);
      float sum[2 * kPairs][4];  // P
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float* const added = active && p.added.data != nullptr ? p.added.row(head, row_of(r)) + column : nullptr;
#pragma unroll
        for (int j = 0; j < 2 * kPairs; ++j) {
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            sum[j][2 * r + e] = 0;
            if (added != nullptr && column + 8 * j + e < p.tokens) {
              sum[j][2 * r + e] = p.added_weight * __ldg(added + 8 * j + e);
            }
          }
        }
      }
      for (int softmax = 0; softmax < p.softmaxes; ++softmax) {
        float s[2 * kPairs][4];
        scores(softmax, tile, s);
        if (!active) continue;
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          const float2 of_row = statistics[softmax * kAttentionRows + lane / 4 + 8 * r];
#pragma unroll
          for (int j = 0; j < 2 * kPairs; ++j) {
            if (j / 2 >= pairs) break;
#pragma unroll
            for (int e = 0; e < 2; ++e) {
              sum[j][2 * r + e] = fmaf(exp2_approx(s[j][2 * r + e] - of_row.x), of_row.y, sum[j][2 * r + e]);
            }
          }
        }
      }
      if (p.probabilities != nullptr) {
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          if (row + lane / 4 + 8 * r >= p.tokens) break;
          const ProbabilityRow<T> to(p, head, row + lane / 4 + 8 * r);
#pragma unroll
          for (int j = 0; j < 2 * kPairs; ++j) {
            if (j / 2 >= pairs) break;
#pragma unroll
            for (int e = 0; e < 2; ++e) {
              if (column + 8 * j + e < p.tokens) to.put(column + 8 * j + e, sum[j][2 * r + e]);
            }
          }
        }
      }
      if (p.out == nullptr) continue;
      const uint32_t values = wait_tile();
      const auto address = LaneAddress<kDim>::rows_first(recompute(lane));
#pragma unroll
      for (int pair = 0; pair < kPairs; ++pair) {
        if (pair >= pairs || !active) break;
        const float(&low)[4] = sum[2 * pair];
        const float(&high)[4] = sum[2 * pair + 1];
        const uint32_t a[1][4] = {
            {pack<T>(low[0], low[1]), pack<T>(low[2], low[3]), pack<T>(high[0], high[1]), pack<T>(high[2], high[3])}};
        add_values<T, kDim, 1>(o, a, address, values, pair);
      }
    }
    if (p.out != nullptr && active) {
      store_rows<kDim>(o[0], left_panel, out_of_row(p, row, head), width, min(16, p.tokens - row), chunks, lane);
    }
    __syncthreads();  // before the next head's rows and tiles take the place of these
  }
}

}  // namespace sclip::cuda
