#include "backends/backend.h"

#include "backends/cpu/cpu_backend.h"
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

std::unique_ptr<Backend> make_cuda_backend(const std::string& device, Precision, bool) {
  fail(ErrorCode::kUnsupported, "device ", device, " cannot be used: ", cuda_status().detail,
       "; use device cpu or auto");
}
#endif

bool is_cuda(const std::string& device) { return device == "cuda" || device.starts_with("cuda:"); }

}  // namespace

void Stream::begin_recording() { fail(ErrorCode::kInternal, "this backend does not record"); }
std::unique_ptr<Recording> Stream::end_recording() { fail(ErrorCode::kInternal, "this backend does not record"); }
void Stream::replay(const Recording&) { fail(ErrorCode::kInternal, "this backend does not record"); }

std::vector<BackendStatus> list_backends() {
  return {{.name = "cpu", .available = true, .detail = describe_cpu()}, cuda_status()};
}

std::unique_ptr<Backend> make_backend(const BackendRequest& request) {
  if (request.device == "cpu") return make_cpu_backend(request.precision, request.threads);
  if (is_cuda(request.device)) return make_cuda_backend(request.device, request.precision, request.tune_gemm);
  SCLIP_CHECK(request.device == "auto", kInvalidArgument, "there is no device '", request.device,
              "': use auto, cpu, cuda or cuda:N");
  if (cuda_status().available) return make_cuda_backend("cuda", request.precision, request.tune_gemm);
  return make_cpu_backend(request.precision, request.threads);
}

}  // namespace sclip
