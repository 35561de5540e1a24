// From sums to y: bias, activation or residual, in f32. Sums lie in pairs across the warp; through 4 KiB of the warp's
// own shared memory they come into rows, so that a lane reads and writes 16 bytes and a warp whole sectors.
#pragma once

#include "kernels/gelu/gelu_value.cuh"
#include "kernels/gemm_fused/gemm_main_loop.cuh"

namespace sclip::cuda {

// 16 rows of kColumns floats. Chunks of 16 bytes are XORed with their row's number, and the upper eight of a row with
// one more: three patterns of access, none with a bank conflict.
template <int kColumns>
struct SumRows {
  static constexpr int kChunks = kColumns / 4;
  static constexpr int kBytes = 16 * kColumns * 4;
  static constexpr __host__ __device__ int offset(int row, int chunk) {
    return row * kColumns * 4 + ((chunk ^ (chunk >> 3 & 1) ^ ((row & 3) << 1 | (row & 1))) << 4);
  }

  // Half a warp writes pairs of four rows; eight lanes read chunks next to each other, or every other one.
  static constexpr bool is_conflict_free() {
    for (int chunk = 0; chunk < kChunks; chunk += 2) {
      unsigned written = 0;
      for (int i = 0; i < 8; ++i) written |= 1u << (offset(i / 2, chunk + i % 2) / 16 % 8);
      if (written != 0xff) return false;
    }
    for (const int apart : {1, 2}) {
      for (int first = 0; first < apart; ++first) {
        for (int lane = 0; lane < 32; lane += 8) {
          unsigned read = 0;
          for (int i = lane; i < lane + 8; ++i) {
            read |= 1u << (offset(i * apart / kChunks, i * apart % kChunks + first) / 16 % 8);
          }
          if (read != 0xff) return false;
        }
      }
    }
    return true;
  }
};
static_assert(SumRows<32>::is_conflict_free() && SumRows<64>::is_conflict_free());

// sum[kRow] of a warp into its rows of shared memory, for all of its lanes to see.
template <int kColumns, int kNr>
__device__ __forceinline__ void spread_sums(unsigned char* rows, const float (&sum)[kNr][4], int lane) {
  __syncwarp();  // what was there has been read
#pragma unroll
  for (int j = 0; j < kNr; ++j) {
    unsigned char* to = rows + SumRows<kColumns>::offset(lane / 4, 2 * j + lane % 4 / 2) + lane % 2 * 8;
    *reinterpret_cast<float2*>(to) = make_float2(sum[j][0], sum[j][1]);
    *reinterpret_cast<float2*>(to + 8 * kColumns * 4) = make_float2(sum[j][2], sum[j][3]);
  }
  __syncwarp();
}

__device__ __forceinline__ float4 bias_of(const GemmArgs& args, int column) {
  return args.bias != nullptr && column < args.outputs ? *reinterpret_cast<const float4*>(args.bias + column)
                                                       : make_float4(0, 0, 0, 0);
}

__device__ __forceinline__ float4 add(float4 a, float4 b) {
  return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

__device__ __forceinline__ float4 activate(float4 z, GemmEpilogue epilogue) {
  switch (epilogue) {
    case GemmEpilogue::kQuickGelu:
      return make_float4(activate<GeluForm::kQuick>(z.x), activate<GeluForm::kQuick>(z.y),
                         activate<GeluForm::kQuick>(z.z), activate<GeluForm::kQuick>(z.w));
    case GemmEpilogue::kGelu:
      return make_float4(activate<GeluForm::kErf>(z.x), activate<GeluForm::kErf>(z.y), activate<GeluForm::kErf>(z.z),
                         activate<GeluForm::kErf>(z.w));
    default: return z;
  }
}

// y in halves: a lane has 8 columns of every few rows.
template <typename T, int kColumns, int kMr, int kNr>
__device__ __forceinline__ void store_halves(const GemmArgs& args, int first_row, int first_column,
                                             unsigned char* scratch, const float (&sum)[kMr][kNr][4], int lane) {
  constexpr int kLanes = kColumns / 8, kRows = 32 / kLanes;
  const int chunk = lane % kLanes * 2, column = first_column + chunk * 4;
  const float4 bias_low = bias_of(args, column), bias_high = bias_of(args, column + 4);
#pragma unroll
  for (int i = 0; i < kMr; ++i) {
    spread_sums<kColumns>(scratch, sum[i], lane);
#pragma unroll
    for (int r = 0; r < 16; r += kRows) {
      const int row = r + lane / kLanes, at = first_row + i * 16 + row;
      if (at >= args.rows || column >= args.outputs) continue;
      const auto sums = [&](int c) {
        return *reinterpret_cast<const float4*>(scratch + SumRows<kColumns>::offset(row, c));
      };
      const float4 low = activate(add(sums(chunk), bias_low), args.epilogue);
      const float4 high = activate(add(sums(chunk + 1), bias_high), args.epilogue);
      store_global(
          static_cast<T*>(args.y) + static_cast<int64_t>(at) * args.outputs + column,
          make_uint4(pack<T>(low.x, low.y), pack<T>(low.z, low.w), pack<T>(high.x, high.y), pack<T>(high.z, high.w)));
    }
  }
}

// y in f32: a lane has 4 columns. What y held is read before the sums pass through shared memory.
template <int kColumns, int kMr, int kNr>
__device__ __forceinline__ void store_floats(const GemmArgs& args, int first_row, int first_column,
                                             unsigned char* scratch, const float (&sum)[kMr][kNr][4], int lane) {
  constexpr int kLanes = kColumns / 4, kRows = 32 / kLanes;
  const int chunk = lane % kLanes, column = first_column + chunk * 4;
  const float4 bias = bias_of(args, column);
  const bool residual = args.epilogue == GemmEpilogue::kResidual;
#pragma unroll
  for (int i = 0; i < kMr; ++i) {
    const int row = first_row + i * 16 + lane / kLanes;
    float* y = static_cast<float*>(args.y) + static_cast<int64_t>(row) * args.outputs + column;
    const auto exists = [&](int r) { return row + r < args.rows && column < args.outputs; };
    float4 before[16 / kRows];
#pragma unroll
    for (int r = 0; r < 16; r += kRows) {
      before[r / kRows] = residual && exists(r)
                              ? *reinterpret_cast<const float4*>(y + static_cast<int64_t>(r) * args.outputs)
                              : make_float4(0, 0, 0, 0);
    }
    spread_sums<kColumns>(scratch, sum[i], lane);
#pragma unroll
    for (int r = 0; r < 16; r += kRows) {
      if (!exists(r)) continue;
      const float4 z = *reinterpret_cast<const float4*>(scratch + SumRows<kColumns>::offset(r + lane / kLanes, chunk));
      const float4 to = add(before[r / kRows], add(z, bias));
      store_global(
          y + static_cast<int64_t>(r) * args.outputs,
          make_uint4(__float_as_uint(to.x), __float_as_uint(to.y), __float_as_uint(to.z), __float_as_uint(to.w)));
    }
  }
}

template <typename T, GemmTile kTile, int kMr, int kNr>
__device__ __forceinline__ void store_tile(const GemmArgs& args, int first_row, int first_column, unsigned char* shared,
                                           const float (&sum)[kMr][kNr][4]) {
  constexpr int kColumns = TileOf<kTile>::kWarpColumns;
  static_assert(TileOf<kTile>::kThreads / 32 * SumRows<kColumns>::kBytes <= TileOf<kTile>::kSharedBytes);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const WarpPlace<kTile> place(warp);
  unsigned char* scratch = shared + warp * SumRows<kColumns>::kBytes;
  __syncthreads();  // the stages, which lie there too, have been read
  if (args.f32_output) {
    store_floats<kColumns>(args, first_row + place.row, first_column + place.column, scratch, sum, lane);
  } else {
    store_halves<T, kColumns>(args, first_row + place.row, first_column + place.column, scratch, sum, lane);
  }
}

}  // namespace sclip::cuda
