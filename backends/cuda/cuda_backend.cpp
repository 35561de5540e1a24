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

DType dtype_of(Precision precision) {
  switch (precision) {
    case Precision::kF32: return DType::kF32;
    case Precision::kBF16:
    case Precision::kFP8: return DType::kBF16;
    default: return DType::kF16;
  }
}

// cuBLASLt takes a scale for each row and channel on compute capability 9.0 alone. 8.9 and 12.0 multiply E4M3 with one
// scale a matrix, 10.0 with one for every 32 values, 8.0 not at all.
void check_fp8(const CudaDevice& device) {
  SCLIP_CHECK(device.major == 9 && device.minor == 0, kUnsupported,
              "precision fp8 needs compute capability 9.0 (H100, H200, GH200), where cuBLASLt scales E4M3 by rows and "
              "channels, and this device is ",
              describe(device), "; use precision bf16 or f16");
  constexpr size_t kOldest = 120900;  // the first that has them
  SCLIP_CHECK(cublaslt().get_version() >= kOldest, kUnsupported,
              "precision fp8 needs cuBLAS 12.9 or newer, and this is ", cublaslt().get_version() / 10000, ".",
              cublaslt().get_version() / 100 % 100, "; use precision bf16 or f16");
}

class CudaBackend : public Backend {
 public:
  CudaBackend(CudaDevice device, const BackendRequest& request)
      : Backend(request.threads),
        device_(std::move(device)),
        dtype_(dtype_of(request.precision)),
        fp8_(request.precision == Precision::kFP8),
        gemm_(std::make_shared<CudaGemm>(
            device_.index,
            CudaGemm::Options{.tuned = tuned_ = tuned_choices(device_, request), .cudnn_mlp = request.cudnn_mlp})) {}

  std::string_view name() const override { return "cuda"; }
  std::string description() const override { return describe(device_); }
  DType activation_dtype() const override { return dtype_; }
  bool fp8_products() const override { return fp8_; }

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
  bool fp8_;
  std::shared_ptr<CudaGemm> gemm_;
};

std::unique_ptr<Backend> make(const CudaDevice& device, const BackendRequest& request) {
  if (request.precision == Precision::kFP8) check_fp8(device);
  return std::make_unique<CudaBackend>(device, request);
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
  CudaDevices found = find_cuda_devices();
  SCLIP_CHECK(!found.devices.empty(), kUnsupported, "device ", device, " cannot be used: ", found.refusal,
              "; use device cpu or auto");
  const bool fp8 = request.precision == Precision::kFP8;
  SCLIP_CHECK(!request.cudnn_mlp || (request.precision != Precision::kF32 && !fp8), kInvalidArgument,
              "--cudnn-mlp computes in f16 or bf16, not in ", fp8 ? "fp8" : "f32",
              ": choose that precision or leave --cudnn-mlp out");
  if (device == "cuda") return make(found.devices[0], request);
  for (const CudaDevice& candidate : found.devices) {
    if (device == str("cuda:", candidate.index)) {
      return make(candidate, request);
    }
  }
  fail(ErrorCode::kUnsupported, "there is no usable device '", device, "'; there are ", cuda_status().detail);
}

}  // namespace sclip
