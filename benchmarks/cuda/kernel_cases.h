// The CUDA kernels at the shapes that matter, and the least that each must do: tensor-core products and bytes moved.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace sclip {

// What no implementation can go below: the judge of the counters.
struct KernelFloor {
  double mma = 0;      // products of 16×8×16, fractions included: multiplications / 2048
  double bytes = 0;    // every input read once, every output written once
  double written = 0;  // of these, the outputs
};

struct KernelCase {
  std::string name;   // without spaces: how the command line calls it
  std::string shape;  // for people
  KernelFloor floor;
  // Allocates and fills what the kernel needs, and returns the call.
  std::function<std::function<void()>(Backend& backend, Stream& stream)> prepare;
};

// Small enough to be counted by a simulator in seconds.
std::vector<KernelCase> kernel_cases();
// The same kernels at sizes that fill a device, and more than its caches hold: what is timed.
std::vector<KernelCase> timed_kernel_cases();
// Those of both that only some read-outs need.
std::vector<KernelCase> read_out_cases();
std::vector<KernelCase> timed_read_out_cases();
// Those of both that are products.
std::vector<KernelCase> gemm_cases();
std::vector<KernelCase> timed_gemm_cases();

}  // namespace sclip
