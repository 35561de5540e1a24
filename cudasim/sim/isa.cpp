// Chooses the version of the vector instructions that this processor runs best. CUDASIM_ISA forces one.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sim/warp.h"

namespace cudasim {

#ifdef CUDASIM_HAS_BASELINE
namespace isa_baseline {
extern const IsaTable kTable;
}
#endif
#ifdef CUDASIM_HAS_AVX2
namespace isa_avx2 {
extern const IsaTable kTable;
}
#endif
#ifdef CUDASIM_HAS_AVX512
namespace isa_avx512 {
extern const IsaTable kTable;
}
#endif

static const IsaTable& choose() {
  __builtin_cpu_init();
  const char* want = std::getenv("CUDASIM_ISA");
  auto wanted = [&](const char* name) { return !want || !*want || !std::strcmp(want, name); };
  (void)wanted;
#ifdef CUDASIM_HAS_AVX512
  if (wanted("avx512") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2"))
    return isa_avx512::kTable;
#endif
#ifdef CUDASIM_HAS_AVX2
  if (wanted("avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2"))
    return isa_avx2::kTable;
#endif
#ifdef CUDASIM_HAS_BASELINE
  if (wanted("baseline")) return isa_baseline::kTable;
#endif
  std::fprintf(stderr,
               "cudasim: no version of the interpreter fits this processor%s%s; rebuild with CUDASIM_ISAS=baseline.\n",
               want ? " and CUDASIM_ISA=" : "", want ? want : "");
  std::exit(2);
}

const IsaTable& isa() {
  static const IsaTable& t = choose();
  return t;
}

}  // namespace cudasim
