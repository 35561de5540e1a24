// Devices: what an engine can run on, and which there are here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

// kAuto: the fastest that is accurate enough: bf16 on CPUs that have it, f16 on CUDA devices. kF16 is CUDA's only, and
// kFP8 that of its compute capability 9.0: bf16, with the products of the image tower's blocks in E4M3.
enum class Precision : uint8_t { kAuto, kF32, kBF16, kF16, kFP8 };

Precision parse_precision(std::string_view name);  // auto, f32, bf16, f16, fp8; throws kInvalidArgument
std::string_view to_string(Precision precision);

constexpr int kThreadsPerProcessor = 4;

struct BackendRequest {
  std::string device = "auto";  // auto, cpu, cuda, cuda:1; an explicit name that cannot be had is an error
  Precision precision = Precision::kAuto;
  // Of the host; 0: as many as affinity mask and cgroup quota allow. At most kThreadsPerProcessor for each processor.
  int threads = 0;
  // Measures, for each new shape, what can compute it, instead of trusting a table: matrix products on CUDA, and the
  // number of windows in a forward.
  bool tune = false;
  std::optional<std::filesystem::path> tune_file{};  // where the choices are kept for the next run; none: nowhere
  bool cudnn_mlp = false;  // CUDA: cuDNN computes product, bias and QuickGELU of the image tower's MLP in one kernel
};

// What tuning chose, and why.
struct TuningNote {
  std::string what;    // "fc1, 12608 rows, 768 → 3072"
  std::string chosen;  // "fused, wgmma, tiles of 128×256"
  double microseconds = 0;
  std::string otherwise;  // what is taken without tuning
  double otherwise_microseconds = 0;
  bool from_file = false;  // of an earlier run
};

struct BackendStatus {
  std::string name;
  bool available = false;
  std::string detail;  // what it is, or why it was refused and what to do
};

// Every backend this library knows of, and whether it can run here.
std::vector<BackendStatus> list_backends();

// What an engine runs on.
struct DeviceFacts {
  std::string name;                       // "cpu", "cuda"
  std::string description;                // processor, instruction sets, threads
  Precision precision = Precision::kF32;  // of the image tower's activations: never kAuto
};

}  // namespace sclip
