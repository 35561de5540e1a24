#include "benchmarks/serve.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/console.h"
#include "core/stopwatch.h"
#include "sclip/error.h"

namespace sclip {
namespace {

double timed(const std::function<void()>& work) {
  Stopwatch watch;
  work();
  return watch.lap();
}

void serve(const std::function<void()>& work) {
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "quit") return;
    SCLIP_CHECK(line == "run", kInvalidArgument, "unknown request '", line, "': there are run and quit");
    std::printf("%.6f\n", timed(work));
    std::fflush(stdout);
  }
}

// Beside which a meter of power lays its samples.
double unix_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

void RoundFlags::add_to(CLI::App& app) {
  app.add_option("--rounds", rounds, "without --serve")->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_option("--seconds", seconds, "begin no further round after them; 0: no limit")
      ->check(CLI::Range(0.0, 3600.0));
  app.add_flag("--serve", serve, "answer `run` and `quit` on stdin");
  app.add_flag("--json", json, "a line of JSON instead of a sentence");
}

std::vector<double> timed_rounds(const RoundFlags& flags, const std::function<void()>& work) {
  constexpr size_t kLeast = 3;
  work();
  std::vector<double> out;
  double sum = 0;
  for (int i = 0; i < flags.rounds; ++i) {
    if (flags.seconds > 0 && sum >= flags.seconds && out.size() >= kLeast) break;
    out.push_back(timed(work));
    sum += out.back();
  }
  std::sort(out.begin(), out.end());
  return out;
}

nlohmann::json describe_rounds(const std::vector<double>& ascending) {
  const size_t last = ascending.size() - 1;
  return {{"rounds", ascending.size()},
          {"median", ascending[ascending.size() / 2]},
          {"p99", ascending[std::min(last, ascending.size() * 99 / 100)]},
          {"fastest", ascending.front()},
          {"slowest", ascending.back()}};
}

void run_rounds(const RoundFlags& flags, const nlohmann::json& facts, const std::function<void()>& work) {
  if (flags.serve) return serve(work);
  const double began = unix_time();
  const std::vector<double> seconds = timed_rounds(flags, work);
  if (flags.json) {
    nlohmann::json line = facts;
    line.update(describe_rounds(seconds));
    line["began"] = began;
    line["ended"] = unix_time();
    std::cout << line.dump() << std::endl;
    return;
  }
  std::printf("median %.6f s of %zu (fastest %.6f, slowest %.6f)\n", seconds[seconds.size() / 2], seconds.size(),
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
