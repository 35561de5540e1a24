#include "benchmarks/serve.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "apps/console.h"
#include "core/stopwatch.h"
#include "sclip/error.h"

namespace sclip {

void serve_benchmark(bool serve, int rounds, const std::function<void()>& work) {
  const auto timed = [&work] {
    Stopwatch watch;
    work();
    return watch.lap();
  };
  if (serve) {
    for (std::string line; std::getline(std::cin, line);) {
      if (line == "quit") return;
      SCLIP_CHECK(line == "run", kInvalidArgument, "unknown request '", line, "': there are run and quit");
      std::printf("%.6f\n", timed());
      std::fflush(stdout);
    }
    return;
  }
  work();
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i) seconds.push_back(timed());
  std::sort(seconds.begin(), seconds.end());
  std::printf("median %.6f s of %d (fastest %.6f, slowest %.6f)\n", seconds[seconds.size() / 2], rounds,
              seconds.front(), seconds.back());
}

int run_benchmark(const std::function<void()>& body) {
  try {
    body();
    return kExitDone;
  } catch (const std::exception& error) {
    print_message(error.what());
    return kExitError;
  }
}

}  // namespace sclip
