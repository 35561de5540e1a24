// What benchmarks share: their flags, their rounds, and the line protocol of benchmarks/peers.py.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace CLI {
class App;
}

namespace sclip {

// --rounds, --seconds, --serve, --json
struct RoundFlags {
  int rounds = 7;
  double seconds = 0;  // no further round begins after them, three excepted; 0: no limit
  bool serve = false;
  bool json = false;

  void add_to(CLI::App& app);
};

// A warm-up, and then the seconds of each round, ascending.
std::vector<double> timed_rounds(const RoundFlags& flags, const std::function<void()>& work);

// rounds, and in seconds: median, p99, fastest, slowest.
nlohmann::json describe_rounds(const std::vector<double>& ascending);

// --serve: a contestant is a process that is warm and waits for its turn; each line `run` on stdin calls `work` and is
// answered with the seconds it took; `quit` or the end stops.
// --json: `facts` and the rounds in one line. Otherwise a sentence with their median.
void run_rounds(const RoundFlags& flags, const nlohmann::json& facts, const std::function<void()>& work);

// The main function of a benchmark: one line on stderr and exit code 2 for any error.
int run_benchmark(const std::function<void()>& body);

}  // namespace sclip
