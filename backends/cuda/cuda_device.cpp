#include "backends/cuda/cuda_device.h"

namespace sclip {
namespace {

constexpr int kOldestMajor = 8;  // cp.async, bf16 mma

}  // namespace

std::string describe(const CudaDevice& d) {
  return str(d.name, ", compute capability ", d.major, ".", d.minor, ", ", d.multiprocessors, " multiprocessors, ",
             d.memory >> 20, " MiB");
}

CudaDevices find_cuda_devices() {
  CudaDevices out;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    cudaGetLastError();
    out.refusal = error == cudaErrorInsufficientDriver
                      ? "no NVIDIA driver is loaded, or it is older than the CUDA runtime of this build"
                      : str("CUDA says: ", cudaGetErrorString(error));
    return out;
  }
  out.refusal = "there is no CUDA device";
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, i), "read the properties of device ", i);
    const CudaDevice device{.index = i,
                            .name = properties.name,
                            .major = properties.major,
                            .minor = properties.minor,
                            .multiprocessors = properties.multiProcessorCount,
                            .shared_memory_per_block = properties.sharedMemPerBlockOptin,
                            .memory = properties.totalGlobalMem};
    if (device.major >= kOldestMajor) {
      out.devices.push_back(device);
    } else {
      out.refusal = str(describe(device), " is too old: compute capability 8.0 or newer is needed");
    }
  }
  return out;
}

}  // namespace sclip
