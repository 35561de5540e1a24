#include <fstream>
#include <string>

#include <dnnl.hpp>

#include "backends/cpu/cpu_backend.h"

namespace sclip {
namespace {

std::string model_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) {
      return line.substr(line.find(": ") + 2);
    }
  }
  return "unknown processor";
}

}  // namespace

bool cpu_has_bf16() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

std::string describe_cpu() {
  std::string isa = "baseline instructions";
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
    isa = cpu_has_bf16() ? "AVX-512 with bf16" : "AVX-512";
  } else if (__builtin_cpu_supports("avx2")) {
    isa = "AVX2";
  }
#endif
  return model_name() + ", " + isa;
}

}  // namespace sclip
