// The kernels at the shapes that matter, on any backend, and the least that each must do: products and bytes moved.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "core/dtype.h"

namespace sclip {

// What no implementation can go below: the judge of times and counters.
struct KernelFloor {
  double mma = 0;      // products of 16×8×16, fractions included: multiplications / 2048
  double bytes = 0;    // every input read once, every output written once
  double written = 0;  // of these, the outputs

  double flops() const { return 4096 * mma; }
};

struct KernelCase {
  std::string name;   // without spaces: how the command line calls it
  std::string shape;  // for people
  KernelFloor floor;
  // Allocates and fills what the kernel needs, and returns the call.
  std::function<std::function<void()>(Backend& backend, Stream& stream)> prepare;
};

enum class CaseSize {
  kSmall,      // counted by a simulator in seconds
  kDevice,     // fills a GPU, and more than its caches hold
  kProcessor,  // eight windows of a photo
};

// `dtype`: what activations are in, one that the backend computes with.
std::vector<KernelCase> tower_cases(CaseSize size, DType dtype);
// What only some read-outs need.
std::vector<KernelCase> read_out_cases(CaseSize size, DType dtype);

}  // namespace sclip
