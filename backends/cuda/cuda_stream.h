// A CUDA stream: kernels are launched, not waited for. Everything a call needs besides its arguments is allocated here.
#pragma once

#include <cuda_runtime_api.h>

#include "backends/backend.h"
#include "backends/cuda/cuda_memory.h"

namespace sclip {

class CudaRecording : public Recording {
 public:
  explicit CudaRecording(cudaGraphExec_t graph) : graph_(graph) {}
  ~CudaRecording() override { cudaGraphExecDestroy(graph_); }
  CudaRecording(const CudaRecording&) = delete;
  CudaRecording& operator=(const CudaRecording&) = delete;
  cudaGraphExec_t graph() const { return graph_; }

 private:
  cudaGraphExec_t graph_;
};

class CudaStream : public Stream {
 public:
  CudaStream();
  ~CudaStream() override;
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  void resize_normalize(const ResizeNormalizeParams&) override;
  void resize_bicubic(const ResizeBicubicParams&) override;
  void patch_embed(const PatchEmbedParams&, const Linear& conv1) override;
  void embed_tokens(const EmbedTokensParams&) override;
  void gather_rows(const GatherRowsParams&) override;
  void layernorm(const LayerNormParams&) override;
  void attention(const AttentionParams&) override;
  void tree_attention(const TreeAttentionParams&) override;
  void l2_normalize(const L2NormalizeParams&) override;
  void window_merge(const WindowMergeParams&) override;
  void overlay(const OverlayParams&) override;
  void pamr(const PamrParams&) override;
  void linear(const Linear& layer, const void* x, int64_t rows, void* y) override;

  void upload(void* device, const void* host, size_t bytes) override;
  void download(void* host, const void* device, size_t bytes) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void synchronize() override;

  bool can_record() const override { return true; }
  void begin_recording() override;
  std::unique_ptr<Recording> end_recording() override;
  void abandon_recording() noexcept override;
  void replay(const Recording& recording) override;
  uint64_t generation() const override { return generation_; }

  cudaStream_t native() const { return stream_; }

 private:
  // Device memory of at least `bytes`, valid until the next call; it cannot grow while a recording is made.
  void* workspace(size_t bytes, const char* kernel);

  cudaStream_t stream_ = nullptr;
  bool recording_ = false;
  CudaMemory gemm_workspace_;
  std::unique_ptr<CudaMemory> workspace_;
  uint64_t generation_ = 0;
};

}  // namespace sclip
