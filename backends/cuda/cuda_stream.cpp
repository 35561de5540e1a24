#include "backends/cuda/cuda_stream.h"

#include "backends/cuda/cuda_linear.h"
#include "kernels/attention/attention.h"
#include "kernels/embed_tokens/embed_tokens.h"
#include "kernels/gather_rows/gather_rows.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/layernorm/layernorm.h"
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
  }
  return workspace_->data();
}

void CudaStream::resize_normalize(const ResizeNormalizeParams&) {
  fail(ErrorCode::kUnsupported, "resize_normalize");
}
void CudaStream::resize_bicubic(const ResizeBicubicParams&) {
  fail(ErrorCode::kUnsupported, "resize_bicubic");
}
void CudaStream::patch_embed(const PatchEmbedParams&, const Linear&) {
  fail(ErrorCode::kUnsupported, "patch_embed");
}
void CudaStream::embed_tokens(const EmbedTokensParams&) {
  fail(ErrorCode::kUnsupported, "embed_tokens");
}
void CudaStream::gather_rows(const GatherRowsParams&) {
  fail(ErrorCode::kUnsupported, "gather_rows");
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
void CudaStream::l2_normalize(const L2NormalizeParams&) {
  fail(ErrorCode::kUnsupported, "l2_normalize");
}
void CudaStream::window_merge(const WindowMergeParams&) {
  fail(ErrorCode::kUnsupported, "window_merge");
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
