#include "backends/cuda/cuda_stream.h"

#include "backends/cuda/cuda_linear.h"
#include "kernels/attention/attention.h"
#include "kernels/embed_tokens/embed_tokens.h"
#include "kernels/gather_rows/gather_rows.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/layernorm/layernorm.h"
#include "kernels/overlay/overlay.h"
#include "kernels/pamr/pamr.h"
#include "kernels/patch_embed/patch_embed.h"
#include "kernels/resize_bicubic/resize_bicubic.h"
#include "kernels/resize_normalize/resize_normalize.h"
#include "kernels/tree_attention/tree_attention.h"
#include "kernels/window_merge/window_merge.h"

namespace sclip {

CudaStream::CudaStream() : gemm_workspace_(kGemmWorkspace) {
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "make a stream");
}

CudaStream::~CudaStream() {
  cudaStreamSynchronize(stream_);  // the workspaces must not be freed under a running kernel
  cudaStreamDestroy(stream_);
}

void* CudaStream::workspace(size_t bytes, const char* kernel) {
  if (workspace_ == nullptr || workspace_->size() < bytes) {
    SCLIP_CHECK(!recording_, kInternal, "the workspace of ", kernel, " (", bytes,
                " bytes) would have to grow while a recording is made; run the calls once before recording them");
    synchronize();
    workspace_.reset();
    workspace_ = std::make_unique<CudaMemory>(bytes);
    ++generation_;
  }
  return workspace_->data();
}

void CudaStream::resize_normalize(const ResizeNormalizeParams& p) {
  resize_normalize_cuda(p, stream_);
}
void CudaStream::resize_bicubic(const ResizeBicubicParams& p) {
  resize_bicubic_cuda(p, workspace(resize_bicubic_cuda_workspace(p), "resize_bicubic"), stream_);
}
void CudaStream::patch_embed(const PatchEmbedParams& p, const Linear& conv1) {
  const auto& layer = static_cast<const CudaLinear&>(conv1);
  SCLIP_CHECK(layer.dtype() == p.dtype, kInternal, "patch_embed in ", to_string(p.dtype), " with weights in ",
              to_string(layer.dtype()));
  patch_embed_cuda(p, layer.weight(), layer.weight_stride(), stream_);
}
void CudaStream::embed_tokens(const EmbedTokensParams& p) {
  embed_tokens_cuda(p, stream_);
}
void CudaStream::gather_rows(const GatherRowsParams& p) {
  gather_rows_cuda(p, stream_);
}
void CudaStream::layernorm(const LayerNormParams& p) {
  layernorm_cuda(p, stream_);
}
void CudaStream::attention(const AttentionParams& p) {
  attention_cuda(p, stream_);
}
void CudaStream::tree_attention(const TreeAttentionParams& p) {
  tree_attention_cuda(p, stream_);
}
void CudaStream::l2_normalize(const L2NormalizeParams& p) {
  l2_normalize_cuda(p, stream_);
}
void CudaStream::window_merge(const WindowMergeParams& p) {
  window_merge_cuda(p, workspace(window_merge_cuda_workspace(p), "window_merge"), stream_);
}
void CudaStream::overlay(const OverlayParams& p) {
  overlay_cuda(p, stream_);
}
void CudaStream::pamr(const PamrParams& p) {
  pamr_cuda(p, workspace(pamr_cuda_workspace(p), "pamr"), stream_);
}

void CudaStream::linear(const Linear& layer, const void* x, int64_t rows, void* y) {
  static_cast<const CudaLinear&>(layer).run(x, rows, y, gemm_workspace_.data(), stream_);
}

void CudaStream::upload(void* device, const void* host, size_t bytes) {
  check_cuda(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_), "copy ", bytes,
             " bytes to the device");
}

void CudaStream::download(void* host, const void* device, size_t bytes) {
  check_cuda(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_), "copy ", bytes,
             " bytes from the device");
}

void CudaStream::copy(void* to, const void* from, size_t bytes) {
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "copy ", bytes,
             " bytes within the device");
}

void CudaStream::synchronize() {
  check_cuda(cudaStreamSynchronize(stream_), "finish the work of a stream");
}

void CudaStream::begin_recording() {
  // Thread-local: other threads may allocate meanwhile.
  check_cuda(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "begin a graph");
  recording_ = true;
}

std::unique_ptr<Recording> CudaStream::end_recording() {
  recording_ = false;
  cudaGraph_t graph = nullptr;
  check_cuda(cudaStreamEndCapture(stream_, &graph), "end a graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check_cuda(error, "instantiate a graph");
  return std::make_unique<CudaRecording>(executable);
}

void CudaStream::abandon_recording() noexcept {
  recording_ = false;
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(stream_, &graph) == cudaSuccess && graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();
}

void CudaStream::replay(const Recording& recording) {
  check_cuda(cudaGraphLaunch(static_cast<const CudaRecording&>(recording).graph(), stream_), "launch a graph");
}

}  // namespace sclip
