// What the machine's device reaches at best: bytes copied a second, read and written ones counted, and cuBLASLt's
// product of two square matrices. One line of JSON.
//
//   sclip_cuda_ceilings [--bytes 1073741824] [--side 8192] [--rounds 9]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "backends/cuda/cublaslt_product.h"
#include "backends/cuda/cuda_event.h"
#include "backends/cuda/cuda_memory.h"
#include "benchmarks/serve.h"
#include "core/dtype.h"

namespace sclip {
namespace {

constexpr int kDevice = 0;
constexpr size_t kWorkspaceBytes = size_t{64} << 20;
constexpr int kCandidates = 16;

struct Flags {
  size_t bytes = size_t{1} << 30;
  int64_t side = 8192;
  int rounds = 9;
};

// Seconds of one call: the median over rounds of `calls` calls in a row, after one that loads code.
template <typename Call>
double median_seconds(int rounds, int calls, const Call& call) {
  CudaEvent start, stop;
  call();
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i) {
    start.record(nullptr);
    for (int j = 0; j < calls; ++j) call();
    stop.record(nullptr);
    seconds.push_back(static_cast<double>(stop.since(start)) / 1e3 / calls);
  }
  std::nth_element(seconds.begin(), seconds.begin() + rounds / 2, seconds.end());
  return seconds[static_cast<size_t>(rounds / 2)];
}

double copied_bytes_per_second(const Flags& flags) {
  const CudaMemory from(kDevice, flags.bytes), to(kDevice, flags.bytes);
  check_cuda(cudaMemset(from.data(), 1, flags.bytes), "fill device memory");
  const double seconds = median_seconds(flags.rounds, 8, [&] {
    check_cuda(cudaMemcpyAsync(to.data(), from.data(), flags.bytes, cudaMemcpyDeviceToDevice, nullptr), "copy");
  });
  return 2 * static_cast<double>(flags.bytes) / seconds;
}

// Values in [−1, 1), a block of them repeated: a device draws less power on zeros, and runs faster than on a model's.
void fill(const CudaMemory& memory, DType dtype) {
  std::vector<uint16_t> block(std::min(memory.size() / 2, size_t{1} << 20));
  uint32_t state = 1;
  for (uint16_t& bits : block) {
    state = state * 1664525u + 1013904223u;
    const float value = static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1.0F;
    bits = dtype == DType::kF16 ? to_float16(value).bits : to_bfloat16(value).bits;
  }
  for (size_t done = 0; done < memory.size();) {
    const size_t bytes = std::min(block.size() * 2, memory.size() - done);
    check_cuda(cudaMemcpy(static_cast<std::byte*>(memory.data()) + done, block.data(), bytes, cudaMemcpyHostToDevice),
               "fill a matrix");
    done += bytes;
  }
}

double product_flops_per_second(cublasLtHandle_t blas, const Flags& flags, DType dtype) {
  const int64_t n = flags.side;
  const CublasLtProduct product({.name = "the largest product",
                                 .rows = n,
                                 .inputs = n,
                                 .outputs = n,
                                 .weight_stride = n,
                                 .input = dtype,
                                 .output = dtype});
  const auto bytes = static_cast<size_t>(n * n) * size_of(dtype);
  const CudaMemory weight(kDevice, bytes), x(kDevice, bytes), y(kDevice, bytes), workspace(kDevice, kWorkspaceBytes);
  fill(weight, dtype);
  fill(x, dtype);
  const CublasLtProduct::Memory memory{weight.data(), x.data(), y.data(), workspace.data(), kWorkspaceBytes};
  double best = 0;
  for (const auto& algorithm : product.algorithms(blas, {}, kWorkspaceBytes, kCandidates)) {
    const double seconds = median_seconds(flags.rounds, 2, [&] { product.run(blas, algorithm, memory, nullptr); });
    const auto side = static_cast<double>(n);
    best = std::max(best, 2 * side * side * side / seconds);
  }
  return best;
}

void run(const Flags& flags) {
  const CudaDevices found = find_cuda_devices();
  SCLIP_CHECK(!found.devices.empty(), kUnsupported, "this benchmark needs a CUDA device: ", found.refusal);
  check_cuda(cudaSetDevice(kDevice), "use device ", kDevice);
  cublasLtHandle_t blas = nullptr;
  check_cublaslt(cublaslt().create(&blas), "start");
  const nlohmann::json out = {{"device", found.devices[kDevice].name},
                              {"copied_bytes", flags.bytes},
                              {"copy_bytes_per_second", copied_bytes_per_second(flags)},
                              {"side", flags.side},
                              {"f16_flops_per_second", product_flops_per_second(blas, flags, DType::kF16)},
                              {"bf16_flops_per_second", product_flops_per_second(blas, flags, DType::kBF16)}};
  cublaslt().destroy(blas);
  std::cout << out.dump() << std::endl;
}

}  // namespace
}  // namespace sclip

int main(int argc, char** argv) {
  CLI::App app("Measures the device's memory bandwidth and cuBLASLt's best product.");
  sclip::Flags flags;
  app.add_option("--bytes", flags.bytes, "to copy")
      ->check(CLI::Range(size_t{4096}, size_t{1} << 36))
      ->capture_default_str();
  app.add_option("--side", flags.side, "of the matrices, a multiple of 8")
      ->check(CLI::Range(8, 65536))
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds, "of each measurement")->check(CLI::Range(1, 1000))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return sclip::run_benchmark([&] { sclip::run(flags); });
}
