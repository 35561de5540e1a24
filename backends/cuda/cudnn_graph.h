// cuDNN's graph API: tensors and operations become a graph, the graph a plan for one device, and the plan is run.
#pragma once

#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/cuda/cudnn_api.h"
#include "core/dtype.h"

namespace sclip {

class CudnnDescriptor {
 public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);
  ~CudnnDescriptor() {
    if (descriptor_ != nullptr) cudnn().destroy_descriptor(descriptor_);
  }
  CudnnDescriptor(CudnnDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T& value) {
    set(name, type, std::span<const T>(&value, 1));
  }
  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::span<const T> values) {
    check_cudnn(cudnn().set_attribute(descriptor_, name, type, static_cast<int64_t>(values.size()), values.data()),
                "take attribute ", static_cast<int>(name), " of a graph");
  }
  void set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value) {
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, value.descriptor_);
  }
  void finalize(const std::string& what) { check_cudnn(cudnn().finalize(descriptor_), what); }
  cudnnBackendDescriptor_t get() const { return descriptor_; }

 private:
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

class CudnnPlan {
 public:
  CudnnPlan(CudnnDescriptor plan, CudnnDescriptor engine, size_t workspace)
      : plan_(std::move(plan)), engine_(std::move(engine)), workspace_(workspace) {}
  size_t workspace() const { return workspace_; }  // bytes
  const CudnnDescriptor& descriptor() const { return plan_; }

 private:
  CudnnDescriptor plan_;
  CudnnDescriptor engine_;  // whether a plan keeps what it was made of, cuDNN does not say
  size_t workspace_;
};

class CudnnGraph {
 public:
  using Tensor = int64_t;

  // `what` names the graph in error messages: "the MLP layer fc1 (394 rows, 768 → 3072)"; `advice` ends the one that
  // says that there is no engine.
  explicit CudnnGraph(std::string what, std::string advice = "") : what_(std::move(what)), advice_(std::move(advice)) {}

  Tensor tensor(DType dtype, std::vector<int64_t> dims, std::vector<int64_t> strides, int64_t alignment = 16);
  Tensor scalar(size_t rank);                             // one f32 in host memory
  Tensor intermediate(const std::vector<int64_t>& dims);  // f32, row-major, never in memory

  void matmul(Tensor a, Tensor b, Tensor c);
  void add(Tensor a, Tensor b, Tensor y);  // b is repeated where its dimension is 1
  void swish(Tensor x, Tensor y, double beta);
  void convolution(Tensor x, Tensor w, Tensor y, int64_t stride);             // without padding
  void attention(Tensor q, Tensor k, Tensor v, Tensor scale, Tensor output);  // (B, A, N, d); cuDNN 9.13 or newer

  // The first engine that cuDNN proposes, can build and that needs no more than `workspace_limit` bytes.
  // Throws kUnsupported with cuDNN's last refusal when there is none.
  CudnnPlan plan(cudnnHandle_t handle, size_t workspace_limit);

 private:
  Tensor add_tensor(cudnnDataType_t type, const std::vector<int64_t>& dims, const std::vector<int64_t>& strides,
                    int64_t alignment, cudnnBackendAttributeName_t kind);
  const CudnnDescriptor& at(Tensor tensor) const { return tensors_[static_cast<size_t>(tensor - 1)]; }
  void add_operation(CudnnDescriptor operation, const char* name);
  void pointwise(CudnnDescriptor mode, Tensor x, const Tensor* b, Tensor y);

  std::string what_, advice_;
  std::vector<CudnnDescriptor> tensors_;
  std::vector<CudnnDescriptor> parts_;  // what operations refer to
  std::vector<CudnnDescriptor> operations_;
};

// A plan's tensors and where they lie, and its workspace. May be made once and run often.
CudnnDescriptor bind(std::initializer_list<std::pair<CudnnGraph::Tensor, const void*>> pointers, void* workspace);

// cuDNN on the current device. Calls may come from any thread.
class CudnnHandle {
 public:
  CudnnHandle();
  ~CudnnHandle() { cudnn().destroy(handle_); }
  CudnnHandle(const CudnnHandle&) = delete;
  CudnnHandle& operator=(const CudnnHandle&) = delete;

  CudnnPlan plan(CudnnGraph& graph, size_t workspace_limit);
  void run(const CudnnPlan& plan, const CudnnDescriptor& bound, cudaStream_t stream, const std::string& what);

 private:
  std::mutex mutex_;  // the stream is the handle's state
  cudnnHandle_t handle_ = nullptr;
};

}  // namespace sclip
