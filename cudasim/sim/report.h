// The sink of everything the checks find, and of the counters. One finding per kind and instruction is printed; repeats
// are counted.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cudasim {

enum class Check : uint8_t {
  kOutOfBounds,
  kUseAfterFree,
  kMisaligned,
  kUninitialisedShared,
  kSharedRace,
  kAsyncNotWaited,
  kBarrierDivergence,
  kWarpSyncDivergence,
  kDeadlock,
  kLaunchLimit,
  kLeak,
  kInvalidFree,
  kDeviceAssert,
  kTrap,
  kUnsupported,
  kHostAccess,
  kMissingFence,
  kTensorMap
};
const char* check_name(Check c);       // "out-of-bounds"
std::string lane_list(uint32_t mask);  // "0-3,7"

struct Finding {
  Check check{};
  std::string kernel, source, text;
  uint32_t ptx_line = 0;
  uint32_t block[3] = {0, 0, 0};
  uint32_t warp = 0, lanes = 0;  // lanes: a mask; 0 for findings outside kernels
  uint64_t address = 0;
  uint64_t count = 1;
};

struct KernelStats;

constexpr int kExitCheckFailed = 86;

void report(Finding f);
uint64_t finding_count();
std::vector<Finding> findings();
void report_stats(const KernelStats& s);  // merged by kernel name
// Prints the summary, writes the JSON report; true when a check failed.
bool finish_reports(bool with_leaks = true);

}  // namespace cudasim
