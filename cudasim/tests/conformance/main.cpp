// Runs the conformance cases. Without arguments all groups, and then the opcode table must be covered completely; with
// names of groups only these.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cases.h"
#include "harness.h"
#include "ptx/op_table.h"
#include "spelling.h"

using namespace conformance;

namespace {
struct GroupOfCases {
  const char* name;
  void (*run)();
};
constexpr GroupOfCases kGroups[] = {
    {"lanewise", lanewise_cases}, {"carry", carry_cases},   {"move", move_cases},       {"memory", memory_cases},
    {"atomic", atomic_cases},     {"copy", copy_cases},     {"warp", warp_cases},       {"matrix", matrix_cases},
    {"mbarrier", mbarrier_cases}, {"hopper", hopper_cases}, {"control", control_cases}, {"refusal", refusal_cases}};
}  // namespace

int main(int argc, char** argv) {
  setenv("CUDASIM_JOBS", "1", 1);  // one worker: the same order of atomics in every run
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (const GroupOfCases& g : kGroups) {
    bool wanted = argc == 1;
    for (int i = 1; i < argc; ++i) wanted |= std::strcmp(argv[i], g.name) == 0;
    if (!wanted) continue;
    const size_t before = failures(), spellings = covered_spellings();
    g.run();
    std::printf("%s: %zu spellings, %zu failures\n", g.name, covered_spellings() - spellings, failures() - before);
  }
  size_t missing = 0;
  if (argc == 1) {
    missing = report_uncovered();
    std::printf("%zu opcode forms, %zu spellings run, %zu failures, %zu forms or words without a case\n",
                cudasim::op_forms().size(), covered_spellings(), failures(), missing);
  }
  return failures() != 0 || missing != 0;
}
