// A CUDA stream: kernels are launched, not waited for. Everything a call needs besides its arguments is allocated here.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <optional>
#include <vector>

#include "backends/cuda/cuda_matmul.h"
#include "backends/cuda/cuda_memory.h"
#include "backends/cuda/merge_faults.h"
#include "kernels/cuda/queue.h"

namespace sclip {

// A graph, and what it refers to besides the caller's memory.
class CudaRecording : public Recording {
 public:
  struct Keeps {
    std::vector<std::shared_ptr<const void>> plans;  // a library may own the code that the graph runs
    std::shared_ptr<MergeFaults> faults;
  };
  CudaRecording(int device, cudaGraphExec_t graph, Keeps keeps)
      : device_(device), graph_(graph), keeps_(std::move(keeps)) {}
  ~CudaRecording() override {
    const DeviceScope scope(device_, std::nothrow);
    cudaGraphExecDestroy(graph_);
    keeps_.plans.clear();  // on their device
  }
  CudaRecording(const CudaRecording&) = delete;
  CudaRecording& operator=(const CudaRecording&) = delete;
  cudaGraphExec_t graph() const { return graph_; }
  const std::shared_ptr<MergeFaults>& faults() const { return keeps_.faults; }

 private:
  int device_;
  cudaGraphExec_t graph_;
  Keeps keeps_;
};

class CudaStream : public Stream {
 public:
  CudaStream(const CudaDevice& device, std::shared_ptr<CudaGemm> gemm);
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
  void matmul(const MatmulParams&) override;
  void procrustes(const ProcrustesParams&) override;
  void tree_attention(const TreeAttentionParams&) override;
  void l2_normalize(const L2NormalizeParams&) override;
  void mean_norm(const MeanNormParams&) override;
  void feature_surgery(const FeatureSurgeryParams&) override;
  void window_merge(const WindowMergeParams&) override;
  void window_planes(const WindowPlanesParams&) override;
  void label_planes(const LabelPlanesParams&) override;
  void overlay(const OverlayParams&) override;
  void pamr_weights(const PamrWeightsParams&) override;
  void pamr(const PamrParams&) override;
  void propagate_labels(const PropagateLabelsParams&) override;
  void add_rows(const AddRowsParams&) override;
  void lof_scores(const LofScoresParams&) override;
  void mark_patches(const MarkPatchesParams&) override;
  void repair_patches(const RepairPatchesParams&) override;
  void similarity_maps(const SimilarityMapsParams&) override;
  void choose_heads(const ChooseHeadsParams&) override;
  void soften_sinks(const SoftenSinksParams&) override;
  void adapt_words(const AdaptWordsParams&) override;
  void label_affinity(const LabelAffinityParams&) override;
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
  void trim() override;

  cudaStream_t native() const { return queue_.stream; }

 private:
  // The device is current while the result lives. `what` is about to run on it.
  DeviceScope enter(const char* what) const;
  // `memory` with at least `bytes`; it cannot grow while a recording is made.
  void* grow(std::unique_ptr<CudaMemory>& memory, size_t bytes, const char* what);
  // The same of what kernels share, valid until the next call.
  void* workspace(size_t bytes, const char* kernel) { return grow(workspace_, bytes, kernel); }
  void wait();
  // Calls launch(fault) with a slot whose content the next `synchronize` throws.
  template <typename Params, typename Launch>
  void launch_noting_faults(const Params& params, const Launch& launch);
  bool recording() const { return recording_.has_value(); }

  int device_;
  CudaQueue queue_;
  std::unique_ptr<CudaMemory> workspace_, gemm_workspace_, fp8_scratch_;
  CudaMatmul matmul_;
  uint64_t generation_ = 0;
  std::optional<CudaRecording::Keeps> recording_;  // while one is made

  std::shared_ptr<MergeFaultSlots> fault_slots_;
  MergeFaults faults_;                                  // of calls since the last synchronize
  std::vector<std::shared_ptr<MergeFaults>> replayed_;  // of recordings replayed since then
};

}  // namespace sclip
