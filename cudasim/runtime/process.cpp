#include "runtime/process.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/stream.h"
#include "sim/report.h"

namespace cudasim {

static void end_process() {
  synchronize_all();
  if (!finish_reports()) return;
  std::fflush(nullptr);
  _exit(kExitCheckFailed);
}

void start_process() {
  // Registered before the program's own exit handlers, so that it runs after them.
  static const int once = std::atexit(end_process);
  (void)once;
}

cudaError_t unsupported_call(const char* what) {
  Finding f;
  f.check = Check::kUnsupported;
  f.text = std::string(what) + " is not supported by cudasim; the program has to do without it when it runs here.";
  report(std::move(f));
  return set_error(cudaErrorNotSupported);
}

}  // namespace cudasim
