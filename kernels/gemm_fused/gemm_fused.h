// A linear layer in halves with what follows it: y = epilogue(x · Wᵀ + bias).
//
//   none      z                        quick  z · σ(1.702 z)
//   residual  y + z, y read in f32     erf    z · (1 + erf(z / √2)) / 2
//
// cuBLASLt has no QuickGELU, and a kernel of its own moves the widest activation of a block twice more: here it leaves
// the product as it is stored. x, W and y do not overlap; only the residual reads y.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/cuda/queue.h"
#include "kernels/gemm_fused/gemm_tile.h"
#include "sclip/error.h"

namespace sclip {

enum class GemmEpilogue : uint8_t { kNone, kQuickGelu, kGelu, kResidual };

struct GemmFusedParams {
  const void* x = nullptr;                      // (M, k) in dtype, contiguous
  const void* weight = nullptr;                 // (n, k) in dtype, rows weight_stride elements apart
  const float* bias = nullptr;                  // (n), or null
  void* y = nullptr;                            // (M, n) in output, contiguous
  DType dtype = DType::kF16;                    // kF16 or kBF16; sums are f32
  DType output = DType::kF16;                   // dtype; kNone also kF32, and kResidual kF32 only
  GemmEpilogue epilogue = GemmEpilogue::kNone;  // kResidual: y += z
  int64_t rows = 0;                             // M
  int64_t inputs = 0;                           // k
  int64_t outputs = 0;                          // n
  int64_t weight_stride = 0;                    // at least k
};

// What all implementations ask of their arguments.
inline void check_params(const GemmFusedParams& p) {
  SCLIP_CHECK(p.dtype == DType::kF16 || p.dtype == DType::kBF16, kInvalidArgument, "gemm_fused takes F16 or BF16, not ",
              to_string(p.dtype));
  SCLIP_CHECK(p.rows >= 0 && p.inputs >= 1 && p.outputs >= 1 && p.weight_stride >= p.inputs, kInvalidArgument,
              "gemm_fused: ", p.rows, " rows of ", p.inputs, " inputs → ", p.outputs, " outputs, weights in rows of ",
              p.weight_stride);
  constexpr int64_t kMost = int64_t{1} << 30;
  SCLIP_CHECK(p.rows <= kMost && p.inputs <= kMost && p.outputs <= kMost, kUnsupported, "gemm_fused: ", p.rows,
              " rows of ", p.inputs, " inputs → ", p.outputs, " outputs; it counts to 2^30 of each");
  const bool residual = p.epilogue == GemmEpilogue::kResidual;
  SCLIP_CHECK(
      residual ? p.output == DType::kF32
               : p.output == p.dtype || (p.output == DType::kF32 && p.epilogue == GemmEpilogue::kNone),
      kInvalidArgument, "gemm_fused in ", to_string(p.dtype), " cannot write ", to_string(p.output),
      residual ? ": a residual is F32" : ": an activation is written in the type of x, a plain product in F32 too");
  SCLIP_CHECK(p.rows == 0 || (p.x != nullptr && p.weight != nullptr && p.y != nullptr), kInvalidArgument,
              "gemm_fused: x, weight and y must be given");
}

// Whether gemm_fused_cuda takes these: whole 16-byte pieces everywhere.
inline bool gemm_fused_serves(const GemmFusedParams& p) {
  const auto aligned = [](const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; };
  const bool activates = p.epilogue == GemmEpilogue::kQuickGelu || p.epilogue == GemmEpilogue::kGelu;
  return (p.dtype == DType::kF16 || p.dtype == DType::kBF16) &&
         (p.output == p.dtype || (p.output == DType::kF32 && !activates)) && p.inputs % 8 == 0 && p.outputs % 8 == 0 &&
         p.weight_stride % 8 == 0 && aligned(p.x) && aligned(p.weight) && aligned(p.bias) && aligned(p.y);
}

// For params that it serves; `tile` from choose_gemm_tile, or any that fits the device's shared memory.
void gemm_fused_cuda(const GemmFusedParams& params, GemmTile tile, CudaQueue queue);

namespace ref {
void gemm_fused(const GemmFusedParams& params);  // output kF32 for every epilogue
}

}  // namespace sclip
