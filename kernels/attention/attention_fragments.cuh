// What the two tensor-core kernels are made of: rows of halves in shared memory, tiles of keys that arrive while the
// tile before is used, and the two products of one warp.
#pragma once

#include <algorithm>
#include <bit>

#include "kernels/attention/attention_tile.h"
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/mma.cuh"

namespace sclip::cuda {

constexpr int kAttentionWarps = kAttentionRows / 16;
constexpr int kAttentionThreads = 32 * kAttentionWarps;

template <typename T>
struct AttentionArgs {
  const T* qkv;       // (B, N, 3, A, d)
  T* out;             // (B, N, A, d)
  const float* bias;  // (N, N) or null
  int tokens;         // N
  int heads;          // A
  int head_dim;       // d
  int left, right;    // one kind of scores is left · rightᵀ: 0 for q, 1 for k
  float slope;        // softmax_scale · log₂e: exponentials are powers of two
  bool causal;
};

// The same value, of which the compiler knows nothing: what is computed from it is computed again at each use, in a few
// integer instructions, and not kept in registers from the kernel's beginning to its end. There are none to spare.
__device__ __forceinline__ int recompute(int x) {
  asm volatile("" : "+r"(x));
  return x;
}

// Where the shared memory of a row's 16-byte chunk lies. A row is kDim halves without padding; the chunk's number is
// XORed with bits of the row's, so many that eight rows' equal chunks (one matrix of ldmatrix) fall into eight
// different groups of four banks, and so do eight neighbouring chunks (cp.async, and the stores of the output).
template <int kDim>
struct Panel {
  static constexpr int kChunks = kDim / 8;
  static constexpr int kPitch = kDim * 2;  // bytes
  // Eight rows start in 8 / 2^kBits different groups of banks; the XOR tells apart the 2^kBits that share one.
  static constexpr int kBits = std::min(std::countr_zero(static_cast<unsigned>(kChunks)), 3);
  static constexpr __host__ __device__ int swizzle(int row) { return (row >> (3 - kBits)) & ((1 << kBits) - 1); }
  static constexpr __host__ __device__ int offset(int row, int chunk) {
    return row * kPitch + ((chunk ^ swizzle(row)) << 4);
  }

  static constexpr bool is_conflict_free() {
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      unsigned groups = 0;
      for (int row = 0; row < 8; ++row) groups |= 1u << (offset(row, chunk) / 16 % 8);
      if (groups != 0xff) return false;
    }
    for (int first = 0; first < 8 * kChunks; first += 8) {
      unsigned groups = 0;
      for (int i = first; i < first + 8; ++i) groups |= 1u << (offset(i / kChunks, i % kChunks) / 16 % 8);
      if (groups != 0xff) return false;
    }
    return true;
  }
};
template <int kDim>
constexpr bool kConflictFree = Panel<kDim>::is_conflict_free();
template <AttentionKernel kKernel, int kDim>
constexpr int kTileKeys = attention_keys(kKernel, kDim);

// Rows of global memory, `stride` elements apart, into a panel of up to kMaxRows. Zeros follow the last row up to a
// multiple of 16 and the last of `chunks` chunks up to the panel's width: products run over them.
template <int kDim, int kMaxRows, int kThreads, typename T>
__device__ __forceinline__ void copy_rows(uint32_t panel, const T* from, int stride, int rows, int chunks, int thread) {
  constexpr int kChunks = Panel<kDim>::kChunks;
  static_assert(kMaxRows * kChunks % kThreads == 0);
  const int padded = (rows + 15) & ~15;
  thread = recompute(thread);
#pragma unroll
  for (int i = 0; i < kMaxRows * kChunks / kThreads; ++i) {
    const int row = (i * kThreads + thread) / kChunks, chunk = (i * kThreads + thread) % kChunks;
    if (row < padded) {
      const bool valid = row < rows && chunk < chunks;
      copy_async_16(panel + Panel<kDim>::offset(row, chunk), from + row * stride + chunk * 8, valid);
    }
  }
}

// The address a lane gives to ldmatrix for 16 rows and chunks 2i, 2i + 1 of a panel. 2i is even, so the lane's half of
// the pair and its row's swizzle are one XOR.
template <int kDim>
struct LaneAddress {
  uint32_t row, flip;
  __device__ __forceinline__ LaneAddress(int lane_row, int half)
      : row(lane_row * Panel<kDim>::kPitch), flip((half ^ Panel<kDim>::swizzle(lane_row)) << 4) {}
  // Registers 0, 1: rows 0–7 and 8–15 of the first chunk; 2, 3: of the second. A of a product; B when transposed.
  static __device__ __forceinline__ LaneAddress rows_first(int lane) { return {lane & 15, lane >> 4}; }
  // Registers 0, 1: both chunks of rows 0–7; 2, 3: of rows 8–15. B of two products, rows being its columns.
  static __device__ __forceinline__ LaneAddress chunks_first(int lane) {
    return {(lane & 7) | (lane >> 4 << 3), lane >> 3 & 1};
  }
  __device__ __forceinline__ uint32_t at(uint32_t panel, int rows_16, int i) const {
    return panel + row + rows_16 * 16 * Panel<kDim>::kPitch + (i * 32 ^ flip);
  }
};

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

// What scores meet before the softmax: bias, and the columns a row does not see. A lane holds columns 2t and 2t + 1 of
// every group of 8, of two rows that lie 8 apart; t = lane % 4. Made anew where it is used: nothing of it lives through
// a product.
struct ScoreTrait {
  const float* bias[2];  // of the two rows, or null
  int visible[2];        // columns the rows see

  template <typename T>
  __device__ __forceinline__ ScoreTrait(const AttentionArgs<T>& p, int row) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int y = min(row + 8 * r, p.tokens - 1);  // rows below the matrix are computed and not stored
      bias[r] = p.bias + static_cast<int64_t>(y) * p.tokens;
      visible[r] = p.causal ? y + 1 : p.tokens;
    }
  }
  __device__ __forceinline__ void hide(float (&s)[4], int column) const {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (column + e % 2 >= visible[e / 2]) s[e] = -INFINITY;
    }
  }
  // s becomes slope · s + log₂e · bias. Columns beyond the visible ones are not read.
  __device__ __forceinline__ void add_bias(float (&s)[4], int column, float slope) const {
    constexpr float kLog2E = 1.4426950408889634f;
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (column + e % 2 < visible[e / 2]) s[e] = fmaf(s[e], slope, kLog2E * __ldg(bias[e / 2] + column + e % 2));
    }
  }
};

// Below every score that counts, and finite: a row that has seen hidden columns only stays free of ∞ − ∞.
constexpr float kLowestScore = -1e30f;

__device__ __forceinline__ float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Four lanes share a row.
__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

// o as halves through the warp's own 16 rows of shared memory, so that a lane stores 16 bytes and a row goes out in one
// piece.
template <int kDim, typename T>
__device__ __forceinline__ void store_rows(const float (&o)[kDim / 8][4], uint32_t panel, T* to, int stride, int rows,
                                           int chunks, int lane) {
  constexpr int kChunks = Panel<kDim>::kChunks;
#pragma unroll
  for (int i = 0; i < kChunks; ++i) {
    const uint32_t at = panel + Panel<kDim>::offset(lane / 4, i) + lane % 4 * 4;
    asm volatile("st.shared.b32 [%0], %1;" ::"r"(at), "r"(pack<T>(o[i][0], o[i][1])) : "memory");
    asm volatile("st.shared.b32 [%0], %1;" ::"r"(at + 8 * Panel<kDim>::kPitch), "r"(pack<T>(o[i][2], o[i][3]))
                 : "memory");
  }
  __syncwarp();
#pragma unroll
  for (int i = 0; i < 16 * kChunks / 32; ++i) {
    const int row = (i * 32 + lane) / kChunks, chunk = (i * 32 + lane) % kChunks;
    if (row < rows && chunk < chunks) {
      uint32_t x, y, z, w;
      asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
                   : "=r"(x), "=r"(y), "=r"(z), "=r"(w)
                   : "r"(panel + Panel<kDim>::offset(row, chunk))
                   : "memory");
      store_global(to + static_cast<int64_t>(row) * stride + chunk * 8, make_uint4(x, y, z, w));
    }
  }
}

// Where a block's head begins: q of its first token (k lies A·d elements behind, v twice that), and its first row of
// the output. The grid is (query blocks, heads, batch): blocks of one head are neighbours, so that its keys and values
// come from DRAM once and from L2 after that.
template <typename T>
__device__ __forceinline__ const T* qkv_of_head(const AttentionArgs<T>& p) {
  return p.qkv +
         (static_cast<int64_t>(recompute(blockIdx.z)) * p.tokens * 3 * p.heads + recompute(blockIdx.y)) * p.head_dim;
}
template <typename T>
__device__ __forceinline__ T* out_of_row(const AttentionArgs<T>& p, int row) {
  return p.out + ((static_cast<int64_t>(recompute(blockIdx.z)) * p.tokens + row) * p.heads + recompute(blockIdx.y)) *
                     p.head_dim;
}

// Columns are cut into tiles of kKeys; what remains, 1…kKeys columns, is the tail. The tail comes first, so that the
// code for a part of a tile exists once and full tiles have no branches. A causal block leaves out the tiles it does
// not see.
template <int kKeys>
struct ColumnTiles {
  int begin, end;  // tile 0 is the tail; the full ones follow in order

  template <typename T>
  __device__ __forceinline__ ColumnTiles(const AttentionArgs<T>& p, int first_row)
      : begin(0), end((p.tokens - 1) / kKeys + 1) {
    const int seen = first_row + kAttentionRows;
    if (p.causal && seen <= (end - 1) * kKeys) {
      begin = 1;
      end = (seen + kKeys - 1) / kKeys + 1;
    }
  }
  __device__ __forceinline__ bool has_tail() const { return begin == 0; }
  static __device__ __forceinline__ int first(int tile, int tokens) {
    return (tile == 0 ? (tokens - 1) / kKeys : tile - 1) * kKeys;
  }
  static __device__ __forceinline__ int count(int tile, int tokens) { return min(kKeys, tokens - first(tile, tokens)); }
  static __device__ __forceinline__ int tail_groups(int tokens) { return (count(0, tokens) + 7) / 8; }
  static __device__ __forceinline__ int tail_pairs(int tokens) { return (count(0, tokens) + 15) / 16; }
};

}  // namespace sclip::cuda
