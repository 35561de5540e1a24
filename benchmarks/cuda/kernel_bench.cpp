// CUDA kernels one by one: on a device they are timed; under a simulator that counts, a call is made once.
//
//   sclip_cuda_bench --list                 the cases, their shapes and floors, as JSON
//   sclip_cuda_bench --case NAME            runs it once
//   sclip_cuda_bench --time 20 [--only X]   the cases at a device's size whose names contain X: a line of JSON each,
//   with
//                                           the median time of a call in µs over 20 rounds
//
// With the cases of cudnn_cases.cpp it is sclip_cudnn_bench: the same work done by cuDNN.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "benchmarks/cuda/cases.h"
#include "benchmarks/kernels/timing.h"
#include "benchmarks/serve.h"
#include "sclip/error.h"

using namespace sclip;

namespace {

struct Flags {
  bool list = false;
  std::string wanted, only;
  int rounds = 0;
};

Flags parse(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--list") {
      flags.list = true;
    } else if (argument == "--case" && i + 1 < argc) {
      flags.wanted = argv[++i];
    } else if (argument == "--only" && i + 1 < argc) {
      flags.only = argv[++i];
    } else if (argument == "--time" && i + 1 < argc) {
      flags.rounds = std::stoi(argv[++i]);
    } else {
      fail(ErrorCode::kInvalidArgument, "unknown argument '", argument,
           "': use --list, --case NAME, or --time ROUNDS [--only TEXT]");
    }
  }
  return flags;
}

nlohmann::json describe(const KernelCase& c) {
  return {{"name", c.name},
          {"shape", c.shape},
          {"mma", c.floor.mma},
          {"bytes", c.floor.bytes},
          {"written", c.floor.written}};
}

void run(const Flags& flags) {
  const std::vector<KernelCase> cases = flags.rounds > 0 ? timed_kernel_cases() : kernel_cases();
  if (flags.list) {
    nlohmann::json all = nlohmann::json::array();
    for (const KernelCase& c : cases) all.push_back(describe(c));
    std::cout << all.dump() << "\n";
    return;
  }
  for (const BackendStatus& status : list_backends()) {
    SCLIP_CHECK(status.name != "cuda" || status.available, kUnsupported,
                "this benchmark needs a CUDA device: ", status.detail);
  }
  const auto backend = make_backend({.device = "cuda"});
  const auto stream = backend->make_stream();
  int done = 0;
  for (const KernelCase& c : cases) {
    if (flags.rounds > 0 ? c.name.find(flags.only) == std::string::npos : c.name != flags.wanted) continue;
    ++done;
    nlohmann::json out = describe(c);
    out["device"] = backend->description();
    const auto call = c.prepare(*backend, *stream);
    if (flags.rounds > 0) {
      out["microseconds"] = 1e6 * median_seconds(*stream, call, flags.rounds);
    } else {
      call();
      stream->synchronize();
    }
    std::cout << out.dump() << std::endl;
  }
  SCLIP_CHECK(done > 0, kInvalidArgument, "there is no case '", flags.wanted, flags.only, "'; --list names them");
}

}  // namespace

int main(int argc, char** argv) {
  return run_benchmark([&] { run(parse(argc, argv)); });
}
