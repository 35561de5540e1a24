// What `--precision fp8` puts in front of its products: rows of bf16 to E4M3, as wide as ViT-B/16's tower and its MLP.
#include "backends/cuda/cuda_stream.h"
#include "benchmarks/cuda/cases.h"
#include "benchmarks/kernels/arrays.h"
#include "kernels/quantize_fp8/quantize_fp8.h"
#include "tests/cuda_queue.h"

namespace sclip {
namespace {

KernelCase quantize(int64_t rows, int64_t cols) {
  const auto m = static_cast<double>(rows), k = static_cast<double>(cols);
  return {.name = str("quantize-fp8-", cols),
          .shape = str(rows, "×", cols, " bf16 → E4M3"),
          .floor = {.bytes = m * k * 3 + m * 4, .written = m * k + m * 4},
          .prepare = [=](Backend& backend, Stream& stream) -> std::function<void()> {
            auto a = std::make_shared<Arrays>(backend, stream);
            const QuantizeFp8Params params{.x = a->normal(DType::kBF16, rows * cols),
                                           .codes = a->room<uint8_t>(rows * cols),
                                           .scales = a->room<float>(rows),
                                           .rows = rows,
                                           .cols = cols};
            const CudaQueue queue = testing::queue_of(static_cast<CudaStream&>(stream).native());
            return [a, params, queue] { quantize_fp8_cuda(params, queue); };
          }};
}

}  // namespace

std::vector<KernelCase> fp8_cases() {
  return {quantize(394, 768), quantize(394, 3072)};
}

std::vector<KernelCase> timed_fp8_cases() {
  constexpr int64_t kRows = 64 * 197;
  return {quantize(kRows, 768), quantize(kRows, 3072)};
}

}  // namespace sclip
