#include "backends/cuda/cuda_stream.h"

#include <algorithm>

#include "backends/cuda/cuda_linear.h"
#include "kernels/adapt_words/adapt_words.h"
#include "kernels/add_rows/add_rows.h"
#include "kernels/attention/attention.h"
#include "kernels/choose_heads/choose_heads.h"
#include "kernels/cuda/launch.h"
#include "kernels/embed_tokens/embed_tokens.h"
#include "kernels/feature_surgery/feature_surgery.h"
#include "kernels/gather_rows/gather_rows.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/label_affinity/label_affinity.h"
#include "kernels/label_planes/label_planes.h"
#include "kernels/layernorm/layernorm.h"
#include "kernels/mean_norm/mean_norm.h"
#include "kernels/outlier_patches/outlier_patches.h"
#include "kernels/overlay/overlay.h"
#include "kernels/pamr/pamr.h"
#include "kernels/patch_embed/patch_embed.h"
#include "kernels/procrustes/procrustes.h"
#include "kernels/propagate_labels/propagate_labels.h"
#include "kernels/resize_bicubic/resize_bicubic.h"
#include "kernels/resize_normalize/resize_normalize.h"
#include "kernels/similarity_maps/similarity_maps.h"
#include "kernels/soften_sinks/soften_sinks.h"
#include "kernels/tree_attention/tree_attention.h"
#include "kernels/window_merge/window_merge.h"

namespace sclip {
namespace {

// Slots kept ready when a recording begins, since it cannot allocate: a photo's run has one merge, or two calls for
// each group of planes.
constexpr size_t kRecordedMerges = 64;
// Calls whose faults may wait to be looked at; a photo's run waits after one, or two for each group of planes.
constexpr size_t kUnseenMerges = 128;

}  // namespace

CudaStream::CudaStream(const CudaDevice& device, std::shared_ptr<CudaGemm> gemm)
    : device_(device.index),
      queue_{.architecture = 10 * device.major + device.minor,
             .multiprocessors = device.multiprocessors,
             .shared_memory_per_block = device.shared_memory_per_block},
      matmul_(std::move(gemm)),
      fault_slots_(std::make_shared<MergeFaultSlots>(device.index)),
      faults_(fault_slots_) {
  const DeviceScope scope(device_);
  check_cuda(cudaStreamCreateWithFlags(&queue_.stream, cudaStreamNonBlocking), "make a stream");
}

CudaStream::~CudaStream() {
  const DeviceScope scope(device_, std::nothrow);
  cudaStreamSynchronize(queue_.stream);  // the workspaces must not be freed under a running kernel
  cudaStreamDestroy(queue_.stream);
}

DeviceScope CudaStream::enter(const char* what) const {
  cuda::check_nothing_pending(what);
  return DeviceScope(device_);
}

void* CudaStream::grow(std::unique_ptr<CudaMemory>& memory, size_t bytes, const char* what) {
  if (memory == nullptr || memory->size() < bytes) {
    SCLIP_CHECK(!recording(), kInternal, "the workspace of ", what, " (", bytes,
                " bytes) would have to grow while a recording is made; run the calls once before recording them");
    wait();
    memory.reset();
    memory = std::make_unique<CudaMemory>(device_, bytes);
    ++generation_;
  }
  return memory->data();
}

void CudaStream::resize_normalize(const ResizeNormalizeParams& p) {
  const DeviceScope scope = enter("resize_normalize");
  resize_normalize_cuda(p, queue_);
}
void CudaStream::resize_bicubic(const ResizeBicubicParams& p) {
  const DeviceScope scope = enter("resize_bicubic");
  resize_bicubic_cuda(p, workspace(resize_bicubic_cuda_workspace(p), "resize_bicubic"), queue_);
}
void CudaStream::patch_embed(const PatchEmbedParams& p, const Linear& conv1) {
  const DeviceScope scope = enter("patch_embed");
  const auto& layer = static_cast<const CudaLinear&>(conv1);
  SCLIP_CHECK(layer.dtype() == p.dtype, kInternal, "patch_embed in ", to_string(p.dtype), " with weights in ",
              to_string(layer.dtype()));
  patch_embed_cuda(p, layer.weight(), layer.weight_stride(), queue_);
}
void CudaStream::embed_tokens(const EmbedTokensParams& p) {
  const DeviceScope scope = enter("embed_tokens");
  embed_tokens_cuda(p, queue_);
}
void CudaStream::gather_rows(const GatherRowsParams& p) {
  const DeviceScope scope = enter("gather_rows");
  gather_rows_cuda(p, queue_);
}
void CudaStream::layernorm(const LayerNormParams& p) {
  const DeviceScope scope = enter("layernorm");
  layernorm_cuda(p, queue_);
}
void CudaStream::attention(const AttentionParams& p) {
  const DeviceScope scope = enter("attention");
  attention_cuda(p, queue_);
}
void CudaStream::procrustes(const ProcrustesParams& p) {
  const DeviceScope scope = enter("procrustes");
  procrustes_cuda(p, queue_);
}
void CudaStream::tree_attention(const TreeAttentionParams& p) {
  const DeviceScope scope = enter("tree_attention");
  tree_attention_cuda(p, queue_);
}
void CudaStream::l2_normalize(const L2NormalizeParams& p) {
  const DeviceScope scope = enter("l2_normalize");
  l2_normalize_cuda(p, queue_);
}
void CudaStream::mean_norm(const MeanNormParams& p) {
  const DeviceScope scope = enter("mean_norm");
  mean_norm_cuda(p, queue_);
}
void CudaStream::feature_surgery(const FeatureSurgeryParams& p) {
  const DeviceScope scope = enter("feature_surgery");
  feature_surgery_cuda(p, queue_);
}
template <typename Params, typename Launch>
void CudaStream::launch_noting_faults(const Params& params, const Launch& launch) {
  if (!recording() && faults_.size() >= kUnseenMerges) synchronize();
  MergeFaults& faults = recording() ? *recording_->faults : faults_;
  const MergeFaultSlots::Slot slot = faults.add(params, !recording());
  launch(slot.device);
  check_cuda(cudaMemcpyAsync(slot.host, slot.device, sizeof(MergeFault), cudaMemcpyDeviceToHost, queue_.stream),
             "copy the faults of a merge from the device");
}
void CudaStream::window_merge(const WindowMergeParams& p) {
  const DeviceScope scope = enter("window_merge");
  void* const memory = workspace(window_merge_cuda_workspace(p), "window_merge");
  launch_noting_faults(p, [&](MergeFault* fault) { window_merge_cuda(p, memory, fault, queue_); });
}
void CudaStream::window_planes(const WindowPlanesParams& p) {
  const DeviceScope scope = enter("window_planes");
  void* const memory = workspace(window_planes_cuda_workspace(p), "window_planes");
  launch_noting_faults(p, [&](MergeFault* fault) { window_planes_cuda(p, memory, fault, queue_); });
}
void CudaStream::label_planes(const LabelPlanesParams& p) {
  const DeviceScope scope = enter("label_planes");
  if (p.step != LabelStep::kAdd) return label_planes_cuda(p, nullptr, queue_);  // what is wrong has been seen by then
  launch_noting_faults(p, [&](MergeFault* fault) { label_planes_cuda(p, fault, queue_); });
}
void CudaStream::overlay(const OverlayParams& p) {
  const DeviceScope scope = enter("overlay");
  overlay_cuda(p, queue_);
}
void CudaStream::pamr_weights(const PamrWeightsParams& p) {
  const DeviceScope scope = enter("pamr_weights");
  pamr_weights_cuda(p, queue_);
}
void CudaStream::pamr(const PamrParams& p) {
  const DeviceScope scope = enter("pamr");
  pamr_cuda(p, workspace(pamr_cuda_workspace(p), "pamr"), queue_);
}
void CudaStream::propagate_labels(const PropagateLabelsParams& p) {
  const DeviceScope scope = enter("propagate_labels");
  propagate_labels_cuda(p, queue_);
}
void CudaStream::add_rows(const AddRowsParams& p) {
  const DeviceScope scope = enter("add_rows");
  add_rows_cuda(p, queue_);
}
void CudaStream::lof_scores(const LofScoresParams& p) {
  const DeviceScope scope = enter("lof_scores");
  lof_scores_cuda(p, queue_);
}
void CudaStream::mark_patches(const MarkPatchesParams& p) {
  const DeviceScope scope = enter("mark_patches");
  mark_patches_cuda(p, queue_);
}
void CudaStream::repair_patches(const RepairPatchesParams& p) {
  const DeviceScope scope = enter("repair_patches");
  repair_patches_cuda(p, queue_);
}
void CudaStream::similarity_maps(const SimilarityMapsParams& p) {
  const DeviceScope scope = enter("similarity_maps");
  similarity_maps_cuda(p, queue_);
}
void CudaStream::choose_heads(const ChooseHeadsParams& p) {
  const DeviceScope scope = enter("choose_heads");
  choose_heads_cuda(p, queue_);
}

void CudaStream::soften_sinks(const SoftenSinksParams& p) {
  const DeviceScope scope = enter("soften_sinks");
  soften_sinks_cuda(p, queue_);
}
void CudaStream::adapt_words(const AdaptWordsParams& p) {
  const DeviceScope scope = enter("adapt_words");
  adapt_words_cuda(p, queue_);
}
void CudaStream::label_affinity(const LabelAffinityParams& p) {
  const DeviceScope scope = enter("label_affinity");
  label_affinity_cuda(p, queue_);
}

void CudaStream::matmul(const MatmulParams& p) {
  const DeviceScope scope = enter("matmul");
  std::shared_ptr<const void> plan = matmul_.run(p, grow(gemm_workspace_, kGemmWorkspace, "a matrix product"), queue_);
  if (recording()) recording_->plans.push_back(std::move(plan));
}

void CudaStream::linear(const Linear& layer, const void* x, int64_t rows, void* y) {
  const DeviceScope scope = enter("linear");
  void* const memory = grow(gemm_workspace_, kGemmWorkspace, "a matrix product");
  const auto& cuda_layer = static_cast<const CudaLinear&>(layer);
  const size_t bytes = cuda_layer.scratch_bytes(rows);
  void* const scratch = bytes > 0 ? grow(fp8_scratch_, bytes, "a product in E4M3") : nullptr;
  std::shared_ptr<const void> plan = cuda_layer.run(x, rows, y, memory, scratch, queue_);
  if (recording()) recording_->plans.push_back(std::move(plan));
}

void CudaStream::upload(void* device, const void* host, size_t bytes) {
  const DeviceScope scope(device_);
  check_cuda(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, queue_.stream), "copy ", bytes,
             " bytes to the device");
}

void CudaStream::download(void* host, const void* device, size_t bytes) {
  const DeviceScope scope(device_);
  check_cuda(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, queue_.stream), "copy ", bytes,
             " bytes from the device");
}

void CudaStream::copy(void* to, const void* from, size_t bytes) {
  const DeviceScope scope(device_);
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, queue_.stream), "copy ", bytes,
             " bytes within the device");
}

void CudaStream::wait() {
  check_cuda(cudaStreamSynchronize(queue_.stream), "finish the work of a stream");
}

void CudaStream::synchronize() {
  const DeviceScope scope(device_);
  // Whatever is thrown, the faults are of the past.
  struct Forget {
    CudaStream& stream;
    ~Forget() {
      stream.faults_.forget();
      stream.replayed_.clear();
    }
  } const forget{*this};
  wait();
  faults_.check();
  for (const auto& faults : replayed_) faults->check();
}

void CudaStream::begin_recording() {
  const DeviceScope scope = enter("a recording");
  fault_slots_->reserve(kRecordedMerges);
  CudaRecording::Keeps keeps{.plans = {}, .faults = std::make_shared<MergeFaults>(fault_slots_)};
  // Thread-local: other threads may allocate meanwhile.
  check_cuda(cudaStreamBeginCapture(queue_.stream, cudaStreamCaptureModeThreadLocal), "begin a graph");
  recording_ = std::move(keeps);
}

std::unique_ptr<Recording> CudaStream::end_recording() {
  const DeviceScope scope(device_);
  SCLIP_CHECK(recording(), kInternal, "no recording was begun on this stream");
  CudaRecording::Keeps keeps = std::move(*recording_);
  recording_.reset();
  cudaGraph_t graph = nullptr;
  check_cuda(cudaStreamEndCapture(queue_.stream, &graph), "end a graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check_cuda(error, "instantiate a graph");
  return std::make_unique<CudaRecording>(device_, executable, std::move(keeps));
}

void CudaStream::abandon_recording() noexcept {
  const DeviceScope scope(device_, std::nothrow);
  recording_.reset();
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(queue_.stream, &graph) == cudaSuccess && graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();
}

void CudaStream::replay(const Recording& recording) {
  const auto& replayed = static_cast<const CudaRecording&>(recording);
  // Its slots hold the faults of one replay: those of the one before must have been looked at.
  if (std::find(replayed_.begin(), replayed_.end(), replayed.faults()) != replayed_.end()) synchronize();
  const DeviceScope scope = enter("a recording");
  check_cuda(cudaGraphLaunch(replayed.graph(), queue_.stream), "launch a graph");
  if (replayed.faults()->size() > 0) replayed_.push_back(replayed.faults());
}

void CudaStream::trim() {
  SCLIP_CHECK(!recording(), kInternal, "memory cannot be given back while a recording is made");
  const DeviceScope scope(device_);
  synchronize();
  workspace_.reset();
  gemm_workspace_.reset();
  fp8_scratch_.reset();
  matmul_.drop_plans();
  fault_slots_->trim();
  ++generation_;
}

}  // namespace sclip
