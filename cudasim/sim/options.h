// What the launcher's options mean inside the program: read once from CUDASIM_* environment variables.
#pragma once
#include <cstdint>
#include <string>

namespace cudasim {

constexpr int kMaxDevices = 16;

struct Options {
  bool check_memory = true;  // bounds, use after free, alignment
  bool check_shared = true;  // uninitialised reads, races, copies read before their wait
  bool check_sync = true;    // barrier divergence
  bool check_leaks = true;
  bool late_copies = true;     // copies that may end after their call do so as late as is legal, else as early
  bool delay_streams = false;  // stream work waits until something needs it
  bool stats = false;
  uint64_t seed = 1;
  unsigned jobs = 0;        // 0: all cores
  std::string report_path;  // JSON; empty: none
  std::string device = "sm_80";
  int devices = 1;  // of that kind
  bool any_checks() const { return check_memory || check_shared || check_sync; }
};

const Options& options();

}  // namespace cudasim
