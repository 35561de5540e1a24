// What `sclip bench kernels` prints, and the comparison of two such runs: of two builds, machines or settings.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "benchmarks/kernels/time_kernels.h"

namespace sclip {

std::string kernel_table(const KernelTimings& timings);
// One object; times in seconds. docs/performance.md names its fields.
std::string kernel_json(const KernelTimings& timings);

struct KernelChange {
  std::string name, shape;
  double before = 0, after = 0;  // medians, in seconds
  double noise = 0;              // how far a ratio of two such medians scatters, as a share
  bool told = false;             // the ratio is further from 1 than noise explains

  double ratio() const { return before / after; }  // above 1: the second run is faster
};

struct KernelComparison {
  std::vector<KernelChange> kernels;  // slowest first
  std::vector<std::string> only_one;  // names and shapes that one of the runs lacks
  bool same_setting = true;           // device, dtype and threads
};

// Of two files that hold kernel_json. Throws kCorruptData for what is none, and kInvalidArgument for two runs without a
// common kernel.
KernelComparison compare_kernels(const std::filesystem::path& before, const std::filesystem::path& after);
std::string comparison_table(const KernelComparison& comparison);
std::string comparison_json(const KernelComparison& comparison);

}  // namespace sclip
