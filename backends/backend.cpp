#include "backends/backend.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "backends/cpu/cpu_backend.h"
#include "core/find_named.h"
#ifdef SCLIP_WITH_CUDA
#include "backends/cuda/cuda_backend.h"
#endif

namespace sclip {
namespace {

#ifndef SCLIP_WITH_CUDA
BackendStatus cuda_status() {
  return {.name = "cuda",
          .available = false,
          .detail = "this build has no CUDA backend; configure it with -DSCLIP_CUDA=ON where the CUDA Toolkit is"};
}

std::unique_ptr<Backend> make_cuda_backend(const BackendRequest& request) {
  fail(ErrorCode::kUnsupported, "device ", request.device, " cannot be used: ", cuda_status().detail,
       "; use device cpu or auto");
}
#endif

bool is_cuda(const std::string& device) {
  return device == "cuda" || device.starts_with("cuda:");
}

std::unique_ptr<Backend> make_cpu(const BackendRequest& request) {
  SCLIP_CHECK(!request.cudnn_mlp, kInvalidArgument, "--cudnn-mlp needs a CUDA device, and device ", request.device,
              " means the CPU here: name --device cuda or leave --cudnn-mlp out");
  SCLIP_CHECK(!request.tune, kInvalidArgument, "--tune needs a CUDA device, and device ", request.device,
              " means the CPU here, where there is nothing to choose from: name --device cuda or leave --tune out");
  return make_cpu_backend(request.precision, request.threads);
}

uint64_t next_id() {
  static std::atomic<uint64_t> made{0};
  return ++made;
}

}  // namespace

namespace {

// More than a few for each processor only wait for one another: 4,096 took 300 times as long as 2.
int checked_threads(int threads) {
  SCLIP_CHECK(threads >= 0, kInvalidArgument, "the number of threads is ", threads, "; give 0 for all, or more");
  if (threads == 0) return available_threads();
  const int processors = std::max(available_threads(), static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  SCLIP_CHECK(threads <= kThreadsPerProcessor * processors, kInvalidArgument, threads, " threads are more than ",
              kThreadsPerProcessor, " for each of the ", processors, " processors here; give at most ",
              kThreadsPerProcessor * processors, ", or 0 for as many as there are");
  return threads;
}

}  // namespace

Backend::Backend(int threads) : pool_(checked_threads(threads)), id_(next_id()) {}

void Stream::begin_recording() {
  fail(ErrorCode::kInternal, "this backend does not record");
}
std::unique_ptr<Recording> Stream::end_recording() {
  fail(ErrorCode::kInternal, "this backend does not record");
}
void Stream::replay(const Recording&) {
  fail(ErrorCode::kInternal, "this backend does not record");
}

std::vector<BackendStatus> list_backends() {
  return {{.name = "cpu", .available = true, .detail = describe_cpu()}, cuda_status()};
}

std::unique_ptr<Backend> make_backend(const BackendRequest& request) {
  if (request.device == "cpu") return make_cpu(request);
  if (is_cuda(request.device)) return make_cuda_backend(request);
  SCLIP_CHECK(request.device == "auto", kInvalidArgument, "there is no device '", request.device,
              "': ", name_advice(request.device, {"auto", "cpu", "cuda", "cuda:0"}));
  if (!cuda_status().available) return make_cpu(request);
  BackendRequest cuda = request;
  cuda.device = "cuda";
  return make_cuda_backend(cuda);
}

}  // namespace sclip
