// The line protocol of benchmarks/peers.py: a contestant is a process that is warm and waits for its turn.
#pragma once

#include <functional>

namespace sclip {

// serve: each line `run` on stdin calls `work` and answers with the seconds it took; `quit` or the end stops.
// Otherwise: a warm-up, `rounds` calls, and their median on stdout.
void serve_benchmark(bool serve, int rounds, const std::function<void()>& work);

// The main function of a benchmark: one line on stderr and exit code 2 for any error.
int run_benchmark(const std::function<void()>& body);

}  // namespace sclip
