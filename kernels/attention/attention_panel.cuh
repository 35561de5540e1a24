// Rows of halves in shared memory, without bank conflicts: where they lie, how they come from global memory, and how a
// result leaves through them.
#pragma once

#include <algorithm>
#include <bit>

#include "kernels/attention/attention_args.cuh"
#include "kernels/cuda/async_copy.cuh"
#include "kernels/cuda/mma.cuh"

namespace sclip::cuda {

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

}  // namespace sclip::cuda
