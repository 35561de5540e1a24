// The products of ViT-B/16's blocks by gemm_fused, in the tile that it chooses: one, two and five windows of 197
// tokens, and rows that fill its largest tile.
#include <cmath>
#include <optional>

#include "backends/cuda/cuda_stream.h"
#include "benchmarks/cuda/cases.h"
#include "benchmarks/kernels/arrays.h"
#include "kernels/gemm_fused/gemm_fused.h"
#include "tests/cuda_queue.h"

namespace sclip {
namespace {

struct Layer {
  const char* name;
  int64_t inputs, outputs;
  GemmEpilogue epilogue;
};
constexpr Layer kQkv{"qkv", 768, 2304, GemmEpilogue::kNone};
constexpr Layer kOut{"out", 768, 768, GemmEpilogue::kResidual};
constexpr Layer kFc1{"fc1", 768, 3072, GemmEpilogue::kQuickGelu};
constexpr Layer kFc2{"fc2", 3072, 768, GemmEpilogue::kResidual};

// In the tile that is chosen, or the one asked for.
KernelCase gemm(const Layer& layer, int64_t rows, std::optional<GemmTile> asked = std::nullopt) {
  const bool residual = layer.epilogue == GemmEpilogue::kResidual;
  const auto m = static_cast<double>(rows), k = static_cast<double>(layer.inputs),
             n = static_cast<double>(layer.outputs);
  // A residual's y is one place, read and written: it counts once, as in the counter.
  const double y = m * n * (residual ? 4 : 2);
  return {.name = str("gemm-", layer.name, "-", rows, asked == GemmTile::k128x256 ? "-128x256" : ""),
          .shape = str(rows, "×", layer.inputs, " → ", layer.outputs, residual ? " f16, += f32" : " f16"),
          .floor = {.mma = m * n * k / 2048, .bytes = (m * k + n * k) * 2 + n * 4 + y, .written = y},
          .prepare = [=](Backend& backend, Stream& stream) -> std::function<void()> {
            auto a = std::make_shared<Arrays>(backend, stream);
            const GemmFusedParams params{.x = a->normal(DType::kF16, rows * layer.inputs),
                                         .weight = a->normal(DType::kF16, layer.outputs * layer.inputs,
                                                             1 / std::sqrt(static_cast<float>(layer.inputs))),
                                         .bias = a->normal(layer.outputs),
                                         .y = residual ? static_cast<void*>(a->normal(rows * layer.outputs))
                                                       : a->room<Float16>(rows * layer.outputs),
                                         .dtype = DType::kF16,
                                         .output = residual ? DType::kF32 : DType::kF16,
                                         .epilogue = layer.epilogue,
                                         .rows = rows,
                                         .inputs = layer.inputs,
                                         .outputs = layer.outputs,
                                         .weight_stride = layer.inputs};
            const CudaQueue queue = testing::queue_of(static_cast<CudaStream&>(stream).native());
            const GemmTile tile = asked.value_or(choose_gemm_tile(rows, layer.outputs, queue));
            return [a, params, tile, queue] { gemm_fused_cuda(params, tile, queue); };
          }};
}

}  // namespace

std::vector<KernelCase> gemm_cases() {
  return {gemm(kFc1, 197), gemm(kQkv, 394), gemm(kOut, 394),  gemm(kFc1, 394),
          gemm(kFc2, 394), gemm(kFc1, 985), gemm(kFc1, 1024), gemm(kFc1, 1024, GemmTile::k128x256),
          gemm(kFc2, 1024)};
}

std::vector<KernelCase> timed_gemm_cases() {
  constexpr int64_t kRows = 64 * 197;
  return {gemm(kQkv, kRows), gemm(kOut, kRows), gemm(kFc1, kRows), gemm(kFc1, kRows, GemmTile::k128x256),
          gemm(kFc2, kRows)};
}

}  // namespace sclip
