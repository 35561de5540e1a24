#include "backends/cuda/cuda_backend.h"

#include "backends/cuda/cublaslt_api.h"
#include "backends/cuda/cuda_convert.h"
#include "backends/cuda/cuda_linear.h"
#include "backends/cuda/cuda_memory.h"
#include "backends/cuda/cuda_stream.h"
#include "backends/cuda/cudnn_mlp.h"

namespace sclip {
namespace {

class CudaBackend : public Backend {
 public:
  CudaBackend(CudaDevice device, DType activation_dtype, const BackendRequest& request)
      : Backend(request.threads), device_(std::move(device)), dtype_(activation_dtype), tune_gemm_(request.tune_gemm) {
    select();
    if (request.cudnn_mlp) {
      SCLIP_CHECK(dtype_ != DType::kF32, kInvalidArgument,
                  "--cudnn-mlp computes in f16 or bf16, not in f32: choose that precision or leave --cudnn-mlp out");
      cudnn_ = start_cudnn();
    }
    check_cublaslt(cublaslt().create(&blas_), "start");
  }
  ~CudaBackend() override { cublaslt().destroy(blas_); }

  std::string_view name() const override { return "cuda"; }
  std::string description() const override { return describe(device_); }
  DType activation_dtype() const override { return dtype_; }

  int workers() const override { return 1; }
  // 16 windows of ViT-B/16 are 3152 rows: enough tiles for every multiprocessor of the devices sold today.
  int preferred_batch() const override { return 16; }
  bool is_host() const override { return false; }

  std::unique_ptr<Memory> allocate(size_t bytes) const override {
    select();
    return std::make_unique<CudaMemory>(bytes);
  }
  std::unique_ptr<Memory> allocate_host(size_t bytes) const override {
    select();
    return std::make_unique<PinnedMemory>(bytes);
  }
  std::unique_ptr<Stream> make_stream() const override {
    select();
    return std::make_unique<CudaStream>();
  }
  std::unique_ptr<Linear> make_linear(const LinearSpec& spec) const override {
    select();
    return std::make_unique<CudaLinear>(spec, blas_, tune_gemm_, cudnn_.get());
  }
  std::unique_ptr<Memory> make_constant(const TensorView& tensor) const override {
    select();
    return copy_to_device(tensor, DType::kF32);
  }
  std::unique_ptr<Memory> make_view(const TensorView& tensor) const override {
    select();
    return copy_to_device(tensor, tensor.dtype);
  }

 private:
  // CUDA keeps the current device per thread, and any thread may call.
  void select() const { check_cuda(cudaSetDevice(device_.index), "use device ", device_.index); }

  CudaDevice device_;
  DType dtype_;
  bool tune_gemm_;
  std::unique_ptr<Cudnn> cudnn_;  // with cudnn_mlp
  cublasLtHandle_t blas_ = nullptr;
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
  if (device == "cuda") return std::make_unique<CudaBackend>(found.devices[0], dtype, request);
  for (const CudaDevice& candidate : found.devices) {
    if (device == str("cuda:", candidate.index)) {
      return std::make_unique<CudaBackend>(candidate, dtype, request);
    }
  }
  fail(ErrorCode::kUnsupported, "there is no usable device '", device, "'; there are ", cuda_status().detail);
}

}  // namespace sclip
