// The order in which a block walks over the tiles of keys.
#pragma once

#include "kernels/attention/attention_args.cuh"

namespace sclip::cuda {

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
