// One CUDA kernel at one shape: on a device it is timed; under a simulator that counts, the call is made once.
//
//   sclip_cuda_bench --list                 the cases, their shapes and floors, as JSON
//   sclip_cuda_bench --case NAME            runs it once
//   sclip_cuda_bench --case NAME --time 50  median time of a call in µs, over 50 rounds of 20 calls in a row
//
// With the cases of cudnn_cases.cpp it is sclip_cudnn_bench: the same work done by cuDNN.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "benchmarks/cuda/kernel_cases.h"
#include "benchmarks/serve.h"
#include "sclip/error.h"

using namespace sclip;

namespace {

nlohmann::json describe(const KernelCase& c) {
  return {{"name", c.name},
          {"shape", c.shape},
          {"mma", c.floor.mma},
          {"bytes", c.floor.bytes},
          {"written", c.floor.written}};
}

// Calls are queued back to back, so that the time of a launch hides behind the kernel before it.
double median_microseconds(Stream& stream, const std::function<void()>& call, int rounds) {
  constexpr int kCalls = 20;
  std::vector<double> times;
  for (int i = 0; i < rounds + 3; ++i) {
    stream.synchronize();
    const auto start = std::chrono::steady_clock::now();
    for (int j = 0; j < kCalls; ++j) call();
    stream.synchronize();
    const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
    if (i >= 3) times.push_back(taken.count() / kCalls);
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  return times[static_cast<size_t>(rounds / 2)];
}

}  // namespace

int main(int argc, char** argv) {
  return run_benchmark([&] {
    std::string wanted;
    int rounds = 0;
    bool list = false;
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      if (argument == "--list") {
        list = true;
      } else if (argument == "--case" && i + 1 < argc) {
        wanted = argv[++i];
      } else if (argument == "--time" && i + 1 < argc) {
        rounds = std::stoi(argv[++i]);
      } else {
        fail(ErrorCode::kInvalidArgument, "unknown argument '", argument, "': use --list, or --case NAME [--time N]");
      }
    }
    const std::vector<KernelCase> cases = kernel_cases();
    if (list) {
      nlohmann::json all = nlohmann::json::array();
      for (const KernelCase& c : cases) all.push_back(describe(c));
      std::cout << all.dump() << "\n";
      return;
    }
    const auto found = std::find_if(cases.begin(), cases.end(), [&](const KernelCase& c) { return c.name == wanted; });
    SCLIP_CHECK(found != cases.end(), kInvalidArgument, "there is no case '", wanted, "'; --list names them");
    for (const BackendStatus& status : list_backends()) {
      SCLIP_CHECK(status.name != "cuda" || status.available, kUnsupported,
                  "this benchmark needs a CUDA device: ", status.detail);
    }
    const auto backend = make_backend({.device = "cuda"});
    const auto stream = backend->make_stream();
    const auto call = found->prepare(*backend, *stream);
    nlohmann::json out = describe(*found);
    out["device"] = backend->description();
    if (rounds > 0) {
      out["microseconds"] = median_microseconds(*stream, call, rounds);
    } else {
      call();
      stream->synchronize();
    }
    std::cout << out.dump() << "\n";
  });
}
