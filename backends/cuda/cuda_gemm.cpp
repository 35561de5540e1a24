#include "backends/cuda/cuda_gemm.h"

#include "backends/cuda/cuda_linear.h"

namespace sclip {

CudaGemm::CudaGemm(int device, Options options) : device_(device), tuned_(std::move(options.tuned)), upload_(device) {
  const DeviceScope scope(device_);
  if (options.cudnn_mlp) cudnn_ = start_cudnn();
  check_cublaslt(cublaslt().create(&blas_), "start");
}

CudaGemm::~CudaGemm() {
  const DeviceScope scope(device_, std::nothrow);
  cublaslt().destroy(blas_);
  cudnn_.reset();  // on its device
}

void CudaGemm::add(const CudaLinear* layer) {
  const std::lock_guard lock(mutex_);
  layers_.insert(layer);
}

void CudaGemm::remove(const CudaLinear* layer) {
  const std::lock_guard lock(mutex_);
  layers_.erase(layer);
}

void CudaGemm::drop_plans() const {
  const std::lock_guard lock(mutex_);
  for (const CudaLinear* layer : layers_) layer->drop_plans();
}

}  // namespace sclip
