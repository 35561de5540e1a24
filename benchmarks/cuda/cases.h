// What a program of this folder counts and times: all kernels of the CUDA backend, or cuDNN's work at the same shapes.
#pragma once

#include <vector>

#include "benchmarks/kernels/kernel_cases.h"

namespace sclip {

// Small enough to be counted by a simulator in seconds.
std::vector<KernelCase> kernel_cases();
// The same kernels at sizes that fill a device: what is timed.
std::vector<KernelCase> timed_kernel_cases();
// Those of both that are products.
std::vector<KernelCase> gemm_cases();
std::vector<KernelCase> timed_gemm_cases();
// And those of --precision fp8.
std::vector<KernelCase> fp8_cases();
std::vector<KernelCase> timed_fp8_cases();

}  // namespace sclip
