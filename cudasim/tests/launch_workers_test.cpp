// Several workers run the blocks of a launch, and all of them fault: the launch has the error of one. Built with
// -fsanitize=thread this shows races between workers.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "ptx/module.h"
#include "sim/launch.h"
#include "sim/memory.h"
#include "sim/report.h"
#include "sim/warp.h"

using namespace cudasim;

namespace {

struct Hooks : ModuleHooks {
  uint64_t allocate_global(const GlobalVar&) override { return 0; }
  void write_global(uint64_t, const void*, size_t) override {}
  ExecFn select(const Instr& in) override { return isa().select(in); }
};

// Blocks with an even index store to an odd address, the others to one that is no memory. They loop before they do, so
// that every worker is at one when the first fault comes.
constexpr const char* kText = R"(
.version 8.7
.target sm_80
.address_size 64
.visible .entry faults(.param .u64 p0)
{
  .reg .pred %q, %l; .reg .b32 %b, %v, %i; .reg .b64 %a;
  mov.u32 %i, 0;
again:
  add.u32 %i, %i, 1;
  setp.lt.u32 %l, %i, 200000;
  @%l bra again;
  ld.param.u64 %a, [p0];
  mov.u32 %b, %ctaid.x;
  and.b32 %v, %b, 1;
  setp.eq.u32 %q, %v, 0;
  @%q add.u64 %a, %a, 1;
  @!%q mov.u64 %a, 4096;
  st.global.u32 [%a], %v;
  ret;
}
)";

}  // namespace

int main() {
  setenv("CUDASIM_JOBS", "4", 1);
  Hooks hooks;
  Module module(kText, &hooks);
  Function* kernel = module.entry("faults");
  if (!kernel) return 2;
  const uint64_t memory = DeviceMemory::get().allocate(64, AllocKind::kDevice, 0);
  int wrong = 0;
  for (int i = 0; i < 20; ++i) {
    Launch launch;
    launch.kernel = kernel;
    launch.module = &module;
    launch.grid[0] = 64;
    launch.block[0] = launch.threads = 32;
    launch.warps = 1;
    launch.id = uint64_t(i) + 1;
    launch.params.resize(sizeof memory);
    std::memcpy(launch.params.data(), &memory, sizeof memory);
    run_launch(launch);
    const int error = launch.error;
    wrong += error != 700 && error != 716;  // cudaErrorIllegalAddress, cudaErrorMisalignedAddress
  }
  std::printf("%d launches without the error of a block\n", wrong);
  return wrong != 0;
}
