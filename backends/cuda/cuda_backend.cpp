#include "backends/cuda/cuda_backend.h"

#include "backends/cuda/cuda_gemm.h"
#include "backends/cuda/cuda_linear.h"
#include "backends/cuda/cuda_stream.h"
#include "core/version.h"

namespace sclip {
namespace {

// The times depend on all of these.
std::shared_ptr<TunedChoices> tuned_choices(const CudaDevice& device, const BackendRequest& request) {
  if (!request.tune) return nullptr;
  int driver = 0;
  check_cuda(cudaDriverGetVersion(&driver), "ask for the driver's version");
  return std::make_shared<TunedChoices>(
      request.tune_file, str("sclip ", version(), ", ", describe(device), ", driver for CUDA ", driver, ", cuBLASLt ",
                             cublaslt().get_version()));
}

class CudaBackend : public Backend {
 public:
  CudaBackend(CudaDevice device, DType activation_dtype, const BackendRequest& request)
      : Backend(request.threads),
        device_(std::move(device)),
        dtype_(activation_dtype),
        gemm_(std::make_shared<CudaGemm>(
            device_.index,
            CudaGemm::Options{.tuned = tuned_ = tuned_choices(device_, request), .cudnn_mlp = request.cudnn_mlp})) {}

  std::string_view name() const override { return "cuda"; }
  std::string description() const override { return describe(device_); }
  DType activation_dtype() const override { return dtype_; }

  int workers() const override { return 1; }
  int preferred_batch() const override { return sclip::preferred_batch(device_.multiprocessors); }
  bool is_host() const override { return false; }

  std::unique_ptr<Memory> allocate(size_t bytes) const override {
    return std::make_unique<CudaMemory>(device_.index, bytes);
  }
  std::unique_ptr<Memory> allocate_host(size_t bytes) const override {
    return std::make_unique<PinnedMemory>(device_.index, bytes);
  }
  std::unique_ptr<Stream> make_stream() const override { return std::make_unique<CudaStream>(device_, gemm_); }
  std::unique_ptr<Linear> make_linear(const LinearSpec& spec) const override {
    const DeviceScope scope(device_.index);
    return std::make_unique<CudaLinear>(spec, gemm_);
  }
  std::unique_ptr<Memory> make_constant(const TensorView& tensor) const override {
    return gemm_->upload().tensor(tensor, DType::kF32);
  }
  std::unique_ptr<Memory> share_or_copy(const TensorView& tensor) const override {
    return gemm_->upload().tensor(tensor, tensor.dtype);
  }
  void trim() const override { gemm_->drop_plans(); }

 private:
  CudaDevice device_;
  DType dtype_;
  std::shared_ptr<CudaGemm> gemm_;
};

DType dtype_of(Precision precision) {
  switch (precision) {
    case Precision::kF32: return DType::kF32;
    case Precision::kBF16: return DType::kBF16;
    default: return DType::kF16;
  }
}

}  // namespace

BackendStatus cuda_status() {
  const CudaDevices found = find_cuda_devices();
  std::string all;
  for (const CudaDevice& device : found.devices)
    all += str(all.empty() ? "" : "; ", device.index, ": ", describe(device));
  return {.name = "cuda", .available = !found.devices.empty(), .detail = all.empty() ? found.refusal : all};
}

std::unique_ptr<Backend> make_cuda_backend(const BackendRequest& request) {
  const std::string& device = request.device;
  const DType dtype = dtype_of(request.precision);
  CudaDevices found = find_cuda_devices();
  SCLIP_CHECK(!found.devices.empty(), kUnsupported, "device ", device, " cannot be used: ", found.refusal,
              "; use device cpu or auto");
  SCLIP_CHECK(!request.cudnn_mlp || dtype != DType::kF32, kInvalidArgument,
              "--cudnn-mlp computes in f16 or bf16, not in f32: choose that precision or leave --cudnn-mlp out");
  if (device == "cuda") return std::make_unique<CudaBackend>(found.devices[0], dtype, request);
  for (const CudaDevice& candidate : found.devices) {
    if (device == str("cuda:", candidate.index)) {
      return std::make_unique<CudaBackend>(candidate, dtype, request);
    }
  }
  fail(ErrorCode::kUnsupported, "there is no usable device '", device, "'; there are ", cuda_status().detail);
}

}  // namespace sclip
