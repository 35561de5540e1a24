// An operation of the device: what a stream queues and a graph node holds. Immutable, so that streams, graphs and
// instantiated graphs share it; an update replaces it.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cudasim {

struct KernelEntry;

struct DeviceOp {
  virtual ~DeviceOp() = default;
  virtual cudaGraphNodeType type() const = 0;
  virtual cudaError_t run() const = 0;
};
using OpPtr = std::shared_ptr<const DeviceOp>;

struct EmptyOp : DeviceOp {
  cudaGraphNodeType type() const override { return cudaGraphNodeTypeEmpty; }
  cudaError_t run() const override { return cudaSuccess; }
};

// Anything without parameters that a program can ask for.
struct FunctionOp : DeviceOp {
  FunctionOp(cudaGraphNodeType type, std::function<cudaError_t()> function)
      : type_(type), function_(std::move(function)) {}
  cudaGraphNodeType type() const override { return type_; }
  cudaError_t run() const override { return function_(); }

 private:
  cudaGraphNodeType type_;
  std::function<cudaError_t()> function_;
};

struct HostOp : DeviceOp {
  explicit HostOp(cudaHostNodeParams p) : params(p) {}
  cudaHostNodeParams params;
  cudaGraphNodeType type() const override { return cudaGraphNodeTypeHost; }
  cudaError_t run() const override {
    params.fn(params.userData);
    return cudaSuccess;
  }
};

struct KernelOp : DeviceOp {
  KernelEntry* kernel = nullptr;
  dim3 grid, block;
  uint32_t shared = 0, shared_offset = 0, shared_total = 0;
  bool cooperative = false;
  int device = 0;
  std::vector<uint8_t> params;
  mutable std::vector<void*> param_pointers;  // what cudaGraphKernelNodeGetParams hands out
  cudaGraphNodeType type() const override { return cudaGraphNodeTypeKernel; }
  cudaError_t run() const override;
};

struct CopyOp : DeviceOp {
  const char* call = "";
  void* dst = nullptr;
  const void* src = nullptr;
  size_t dst_pitch = 0, src_pitch = 0, width = 0, height = 0;
  cudaMemcpyKind kind = cudaMemcpyDefault;
  std::shared_ptr<const std::vector<uint8_t>> staged;  // the source, when it was pageable
  cudaGraphNodeType type() const override { return cudaGraphNodeTypeMemcpy; }
  cudaError_t run() const override;
};

struct FillOp : DeviceOp {
  const char* call = "";
  cudaMemsetParams params{};  // width in elements
  cudaGraphNodeType type() const override { return cudaGraphNodeTypeMemset; }
  cudaError_t run() const override;
};

// Check the arguments and make the operation; null after setting *error.
OpPtr make_copy(const char* call, void* dst, size_t dst_pitch, const void* src, size_t src_pitch, size_t width,
                size_t height, cudaMemcpyKind kind, bool stage, cudaError_t* error);
OpPtr make_fill(const char* call, const cudaMemsetParams& params, cudaError_t* error);

}  // namespace cudasim
