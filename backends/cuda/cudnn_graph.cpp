#include "backends/cuda/cudnn_graph.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace sclip {
namespace {

cudnnDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::kF16: return CUDNN_DATA_HALF;
    case DType::kBF16: return CUDNN_DATA_BFLOAT16;
    default: return CUDNN_DATA_FLOAT;
  }
}

CudnnDescriptor pointwise_mode(cudnnPointwiseMode_t mode) {
  CudnnDescriptor out(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  out.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
  out.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  return out;
}

// The engines that one heuristic proposes, best first. None is not an error: another heuristic may have some.
std::vector<CudnnDescriptor> proposals(const CudnnDescriptor& graph, cudnnBackendHeurMode_t mode) {
  CudnnDescriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  std::vector<CudnnDescriptor> out;
  if (cudnn().finalize(heuristic.get()) != CUDNN_STATUS_SUCCESS) return out;
  const auto results = [&](int64_t room, int64_t& count, void* into) {
    return cudnn().get_attribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, room,
                                 &count, into);
  };
  int64_t count = 0;
  if (results(0, count, nullptr) != CUDNN_STATUS_SUCCESS) return out;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int64_t i = 0; i < count; ++i) raw.push_back(out.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
  if (results(std::ssize(raw), count, raw.data()) != CUDNN_STATUS_SUCCESS) count = 0;
  out.erase(out.begin() + std::min(count, std::ssize(out)), out.end());
  return out;
}

}  // namespace

std::string describe(cudnnStatus_t status) {
  std::array<char, 512> detail{};
  cudnn().get_last_error_string(detail.data(), detail.size());
  std::string_view text(detail.data());
  text = text.substr(0, text.find('\n'));  // what follows is a trace
  return text.empty() ? cudnn().get_error_string(status) : str(cudnn().get_error_string(status), " (", text, ")");
}

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) {
  check_cudnn(cudnn().create_descriptor(type, &descriptor_), "make descriptor ", static_cast<int>(type), " of a graph");
}

CudnnGraph::Tensor CudnnGraph::add_tensor(cudnnDataType_t type, const std::vector<int64_t>& dims,
                                          const std::vector<int64_t>& strides, int64_t alignment,
                                          cudnnBackendAttributeName_t kind) {
  const auto id = static_cast<Tensor>(tensors_.size() + 1);  // frontends of cuDNN never use 0
  CudnnDescriptor out(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  out.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
  out.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
  out.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, std::span(dims));
  out.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, std::span(strides));
  out.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, alignment);
  if (kind != CUDNN_ATTR_TENSOR_UNIQUE_ID) out.set(kind, CUDNN_TYPE_BOOLEAN, true);
  out.finalize(str("take a tensor of ", what_));
  tensors_.push_back(std::move(out));
  return id;
}

CudnnGraph::Tensor CudnnGraph::tensor(DType dtype, std::vector<int64_t> dims, std::vector<int64_t> strides,
                                      int64_t alignment) {
  return add_tensor(data_type(dtype), dims, strides, alignment, CUDNN_ATTR_TENSOR_UNIQUE_ID);
}

CudnnGraph::Tensor CudnnGraph::scalar(size_t rank) {
  const std::vector<int64_t> ones(rank, 1);
  return add_tensor(CUDNN_DATA_FLOAT, ones, ones, sizeof(float), CUDNN_ATTR_TENSOR_IS_BY_VALUE);
}

CudnnGraph::Tensor CudnnGraph::intermediate(const std::vector<int64_t>& dims) {
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * dims[i];
  return add_tensor(CUDNN_DATA_FLOAT, dims, strides, 16, CUDNN_ATTR_TENSOR_IS_VIRTUAL);
}

void CudnnGraph::add_operation(CudnnDescriptor operation, const char* name) {
  operation.finalize(str("take the ", name, " of ", what_));
  operations_.push_back(std::move(operation));
}

void CudnnGraph::matmul(Tensor a, Tensor b, Tensor c) {
  CudnnDescriptor& product = parts_.emplace_back(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  product.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  product.finalize(str("take the product of ", what_));
  CudnnDescriptor out(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  out.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, at(a));
  out.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, at(b));
  out.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, at(c));
  out.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, product);
  add_operation(std::move(out), "product");
}

void CudnnGraph::pointwise(CudnnDescriptor mode, Tensor x, const Tensor* b, Tensor y) {
  mode.finalize(str("take an activation of ", what_));
  CudnnDescriptor out(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  out.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, mode);
  out.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, at(x));
  if (b != nullptr) out.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, at(*b));
  out.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, at(y));
  parts_.push_back(std::move(mode));
  add_operation(std::move(out), b != nullptr ? "bias" : "activation");
}

void CudnnGraph::add(Tensor a, Tensor b, Tensor y) {
  pointwise(pointwise_mode(CUDNN_POINTWISE_ADD), a, &b, y);
}

void CudnnGraph::swish(Tensor x, Tensor y, double beta) {
  CudnnDescriptor mode = pointwise_mode(CUDNN_POINTWISE_SWISH_FWD);
  mode.set(CUDNN_ATTR_POINTWISE_SWISH_BETA, CUDNN_TYPE_DOUBLE, beta);
  pointwise(std::move(mode), x, nullptr, y);
}

void CudnnGraph::convolution(Tensor x, Tensor w, Tensor y, int64_t stride) {
  constexpr std::array<int64_t, 2> kNoPadding{0, 0}, kNoDilation{1, 1};
  const std::array<int64_t, 2> strides{stride, stride};
  const auto set = [](CudnnDescriptor& d, cudnnBackendAttributeName_t name, const std::array<int64_t, 2>& values) {
    d.set(name, CUDNN_TYPE_INT64, std::span<const int64_t>(values));
  };
  CudnnDescriptor& kind = parts_.emplace_back(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  kind.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  kind.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION);
  kind.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, int64_t{2});
  set(kind, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, kNoPadding);
  set(kind, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, kNoPadding);
  set(kind, CUDNN_ATTR_CONVOLUTION_DILATIONS, kNoDilation);
  set(kind, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, strides);
  kind.finalize(str("take the convolution of ", what_));
  CudnnDescriptor out(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  out.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, at(x));
  out.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, at(w));
  out.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, at(y));
  out.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, kind);
  out.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1.0f);
  out.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 0.0f);
  add_operation(std::move(out), "convolution");
}

void CudnnGraph::attention(Tensor q, Tensor k, Tensor v, Tensor scale, Tensor output) {
#if CUDNN_VERSION >= 91300
  CudnnDescriptor out(CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR);
  out.set(CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, at(q));
  out.set(CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, at(k));
  out.set(CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, at(v));
  out.set(CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, at(scale));
  out.set(CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, at(output));
  add_operation(std::move(out), "attention");
#else
  static_cast<void>(q + k + v + scale + output);
  fail(ErrorCode::kUnsupported, "attention as one operation came with cuDNN 9.13: build with that or newer");
#endif
}

CudnnPlan CudnnGraph::plan(cudnnHandle_t handle, size_t workspace_limit) {
  CudnnDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const CudnnDescriptor& operation : operations_) raw.push_back(operation.get());
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
            std::span<const cudnnBackendDescriptor_t>(raw));
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, handle);
  graph.finalize(str("make a graph of ", what_));

  std::string refusal = "it proposes none (CUDNN_LOGLEVEL_DBG=2 CUDNN_LOGDEST_DBG=stderr shows why)";
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (CudnnDescriptor& engine : proposals(graph, mode)) {
      CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, handle);
      if (const cudnnStatus_t status = cudnn().finalize(plan.get()); status != CUDNN_STATUS_SUCCESS) {
        refusal = describe(status);
        continue;
      }
      int64_t bytes = 0, count = 0;
      check_cudnn(cudnn().get_attribute(plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                                        &count, &bytes),
                  "tell the workspace of ", what_);
      if (static_cast<size_t>(bytes) <= workspace_limit) {
        return {std::move(plan), std::move(engine), static_cast<size_t>(bytes)};
      }
      refusal = str("an engine wants ", bytes, " bytes of workspace, and ", workspace_limit, " are allowed");
    }
  }
  fail(ErrorCode::kUnsupported, "cuDNN ", cudnn().get_version(), " has no engine for ", what_, ": ", refusal, advice_);
}

CudnnDescriptor bind(std::initializer_list<std::pair<CudnnGraph::Tensor, const void*>> pointers, void* workspace) {
  std::vector<int64_t> ids;
  std::vector<const void*> addresses;
  for (const auto& [id, address] : pointers) {
    ids.push_back(id);
    addresses.push_back(address);
  }
  CudnnDescriptor out(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  out.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, std::span<const int64_t>(ids));
  out.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, std::span<const void* const>(addresses));
  out.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
  out.finalize("take the addresses of a graph's tensors");
  return out;
}

CudnnHandle::CudnnHandle() {
  check_cudnn(cudnn().create(&handle_), "start");
}

CudnnPlan CudnnHandle::plan(CudnnGraph& graph, size_t workspace_limit) {
  const std::lock_guard lock(mutex_);
  return graph.plan(handle_, workspace_limit);
}

void CudnnHandle::run(const CudnnPlan& plan, const CudnnDescriptor& bound, cudaStream_t stream,
                      const std::string& what) {
  const std::lock_guard lock(mutex_);
  check_cudnn(cudnn().set_stream(handle_, stream), "use a stream");
  check_cudnn(cudnn().execute(handle_, plan.descriptor().get(), bound.get()), "run ", what);
}

}  // namespace sclip
