// Every kernel's time on this machine, beside the least that it must move and multiply and what the machine reaches.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sclip/device.h"

namespace sclip {

struct KernelTimingOptions {
  BackendRequest backend;
  std::string filter;  // only kernels whose names contain it; empty: all
  int rounds = 20;     // ≥ 1; a round gives one time
  // Called before each kernel, with its name; may throw to end the run.
  std::function<void(const std::string& name)> progress;
};

struct KernelTiming {
  std::string name, shape;
  double bytes = 0, flops = 0;  // at least: inputs read once, outputs written once; matrix products only
  std::vector<double> seconds;  // of a call, one a round
};

// What the same backend reached in the same run.
struct MachineCeilings {
  double bytes_per_second = 0;  // read and written, of arrays larger than caches
  double flops_per_second = 0;  // of a large matrix product in the dtype of activations
};

struct KernelTimings {
  std::string device;  // with its instruction sets or its compute capability
  std::string dtype;   // of activations: f32, bf16, f16
  int threads = 0;     // of the host
  MachineCeilings ceilings;
  std::vector<KernelTiming> kernels;
};

// Throws kInvalidArgument when no kernel's name contains the filter, and what make_backend throws.
KernelTimings time_kernels(const KernelTimingOptions& options);

// The share of its roofline at a time of a call: the larger of what bytes and products take at the ceilings, over the
// time. Above 1 where the caches hold what the floor counts as memory.
double roofline_share(const KernelTiming& kernel, const MachineCeilings& ceilings, double seconds);

}  // namespace sclip
