#include "backends/backend.h"

#include "backends/cpu/cpu_backend.h"

namespace sclip {

std::vector<BackendStatus> list_backends() {
  return {{.name = "cpu", .available = true, .detail = describe_cpu()},
          {.name = "cuda", .available = false, .detail = "this build has no CUDA backend"}};
}

std::unique_ptr<Backend> make_backend(const BackendRequest& request) {
  if (request.device == "auto" || request.device == "cpu") return make_cpu_backend(request.precision, request.threads);
  for (const BackendStatus& status : list_backends()) {
    SCLIP_CHECK(status.name != request.device, kUnsupported, "device ", request.device,
                " cannot be used: ", status.detail, "; use device cpu or auto");
  }
  fail(ErrorCode::kInvalidArgument, "there is no device '", request.device, "': use auto, cpu or cuda");
}

}  // namespace sclip
