// Backend: where tensors live and kernels run. Stream: one ordered queue of kernel calls.
//
// A Backend is immutable after construction and shared by threads; a Stream belongs to one thread at
// a time. Pointers in the Params structs are the backend's memory: host memory on the CPU.
// On the CPU a call has finished when it returns; elsewhere `synchronize` waits.
// Errors: every method throws sclip::Error; a message names the kernel and its shapes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/tuned_choices.h"
#include "core/dtype.h"
#include "core/tensor.h"
#include "core/thread_pool.h"
#include "sclip/device.h"
#include "sclip/image_view.h"

namespace sclip {

struct AdaptWordsParams;
struct AddRowsParams;
struct AttentionParams;
struct ChooseHeadsParams;
struct EmbedTokensParams;
struct FeatureSurgeryParams;
struct GatherRowsParams;
struct L2NormalizeParams;
struct LabelAffinityParams;
struct LabelPlanesParams;
struct LayerNormParams;
struct LofScoresParams;
struct MarkPatchesParams;
struct MatmulParams;
struct MeanNormParams;
struct OverlayParams;
struct PamrParams;
struct PamrWeightsParams;
struct PropagateLabelsParams;
struct PatchEmbedParams;
struct ProcrustesParams;
struct RepairPatchesParams;
struct ResizeBicubicParams;
struct ResizeNormalizeParams;
struct SimilarityMapsParams;
struct SoftenSinksParams;
struct TreeAttentionParams;
struct WindowMergeParams;
struct WindowPlanesParams;

// The precision in which a backend with activations of this dtype computes, unless its products are in E4M3.
Precision precision_of(DType activation_dtype);

// What follows a matrix product: y = epilogue(x · Wᵀ + bias).
enum class Epilogue : uint8_t {
  kNone,
  kQuickGelu,  // z · σ(1.702 z)
  kGelu,       // the erf form
  kResidual,   // y += z: y is read and written
};

struct LinearSpec {
  std::string name;     // for error messages
  TensorView weight{};  // (n, k), or (k, n) when `transposed`; f32, f16 or bf16; host memory, read once
  bool transposed = false;
  TensorView bias{};  // (n), or no data
  Epilogue epilogue = Epilogue::kNone;
  DType input = DType::kF32;   // dtype of x: kF32, or the backend's activation dtype
  DType output = DType::kF32;  // dtype of y
  // Multiplied in E4M3, x with a scale for each row and W with one for each output: where Backend::fp8_products. x is
  // bf16, y bf16 or f32; k and n are multiples of 16, W is not transposed.
  bool fp8 = false;
};

// A weight matrix laid out for this backend, with its bias and epilogue. Immutable; shared by threads.
class Linear {
 public:
  virtual ~Linear() = default;
  int64_t inputs() const { return inputs_; }    // k
  int64_t outputs() const { return outputs_; }  // n

 protected:
  Linear(int64_t inputs, int64_t outputs) : inputs_(inputs), outputs_(outputs) {}

 private:
  int64_t inputs_;
  int64_t outputs_;
};

class Recording;

class Stream {
 public:
  virtual ~Stream() = default;

  virtual void resize_normalize(const ResizeNormalizeParams&) = 0;
  virtual void resize_bicubic(const ResizeBicubicParams&) = 0;
  // `conv1` is the patch convolution as a Linear (3·P·P → C) without bias; its input dtype is params.dtype.
  virtual void patch_embed(const PatchEmbedParams&, const Linear& conv1) = 0;
  virtual void embed_tokens(const EmbedTokensParams&) = 0;
  virtual void gather_rows(const GatherRowsParams&) = 0;
  virtual void layernorm(const LayerNormParams&) = 0;
  virtual void attention(const AttentionParams&) = 0;
  virtual void procrustes(const ProcrustesParams&) = 0;
  virtual void tree_attention(const TreeAttentionParams&) = 0;
  virtual void l2_normalize(const L2NormalizeParams&) = 0;
  virtual void mean_norm(const MeanNormParams&) = 0;
  virtual void feature_surgery(const FeatureSurgeryParams&) = 0;
  virtual void window_merge(const WindowMergeParams&) = 0;
  virtual void window_planes(const WindowPlanesParams&) = 0;
  virtual void label_planes(const LabelPlanesParams&) = 0;
  virtual void overlay(const OverlayParams&) = 0;
  virtual void pamr_weights(const PamrWeightsParams&) = 0;
  virtual void pamr(const PamrParams&) = 0;
  virtual void propagate_labels(const PropagateLabelsParams&) = 0;
  virtual void matmul(const MatmulParams&) = 0;
  // Of read-outs that compare patches with each other, or with the words (engine/dense_head).
  virtual void add_rows(const AddRowsParams&) = 0;
  virtual void lof_scores(const LofScoresParams&) = 0;
  virtual void mark_patches(const MarkPatchesParams&) = 0;
  virtual void repair_patches(const RepairPatchesParams&) = 0;
  virtual void similarity_maps(const SimilarityMapsParams&) = 0;
  virtual void choose_heads(const ChooseHeadsParams&) = 0;
  virtual void soften_sinks(const SoftenSinksParams&) = 0;
  virtual void adapt_words(const AdaptWordsParams&) = 0;
  virtual void label_affinity(const LabelAffinityParams&) = 0;
  // y (rows, n) = epilogue(x (rows, k) · Wᵀ + bias); x and y do not overlap.
  virtual void linear(const Linear& layer, const void* x, int64_t rows, void* y) = 0;

  // `host` may change as soon as `upload` returns, unless it comes from Backend::allocate_host: then after
  // `synchronize`.
  virtual void upload(void* device, const void* host, size_t bytes) = 0;
  // The bytes are there after `synchronize`.
  virtual void download(void* host, const void* device, size_t bytes) = 0;
  // Within backend memory; no overlap.
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  // Waits. Throws what earlier calls found wrong with their inputs, where a call cannot: the merge and its
  // planes on a device.
  virtual void synchronize() = 0;

  // Recording: between `begin_recording` and `end_recording` kernels are noted instead of run; `replay` runs them, with
  // the pointers and shapes they were noted with. Upload, download, synchronize and allocations are not allowed in
  // between. Only where `can_record`. After an exception `abandon_recording` makes the stream usable again.
  virtual bool can_record() const { return false; }
  virtual void begin_recording();
  virtual std::unique_ptr<Recording> end_recording();
  virtual void abandon_recording() noexcept {}
  virtual void replay(const Recording& recording);
  // Changes when memory of the stream's own moved: recordings made before are void then.
  virtual uint64_t generation() const { return 0; }
  // Waits, and gives back memory kept for later calls; recordings made before are void.
  virtual void trim() {}
};

// Kernel calls noted by a stream: a CUDA graph. Belongs to one thread, and must not outlive its stream.
class Recording {
 public:
  virtual ~Recording() = default;
};

// Backend memory, 64-byte aligned, freed with the object.
class Memory {
 public:
  virtual ~Memory() = default;
  void* data() const { return data_; }
  size_t size() const { return size_; }

 protected:
  void* data_ = nullptr;
  size_t size_ = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  // The threads of everything that runs on the host: a CPU's kernels, and what a device's user has to do there.
  ThreadPool& thread_pool() const { return pool_; }

  // What was measured on this machine; null unless the request asked for it.
  TunedChoices* tuned() const { return tuned_.get(); }

  // No other backend of this process has or had it: tells apart what was made for one from what was made for another.
  uint64_t id() const { return id_; }

  virtual std::string_view name() const = 0;    // "cpu", "cuda"
  virtual std::string description() const = 0;  // processor, instruction sets, threads
  virtual DType activation_dtype() const = 0;   // dtype of the GEMM inputs inside the towers
  // True where the products of the image tower's blocks are asked for in E4M3.
  virtual bool fp8_products() const { return false; }
  Precision precision() const { return fp8_products() ? Precision::kFP8 : precision_of(activation_dtype()); }

  // Streams that are best run side by side, each on a thread of the pool: a CPU's threads; 1 for a device.
  virtual int workers() const = 0;
  // Windows that one forward takes best.
  virtual int preferred_batch() const = 0;

  // True where backend memory is ordinary host memory, so that nothing needs to be copied.
  virtual bool is_host() const = 0;

  virtual std::unique_ptr<Memory> allocate(size_t bytes) const = 0;
  // Host memory that the device copies from and to fastest (pinned).
  virtual std::unique_ptr<Memory> allocate_host(size_t bytes) const = 0;
  virtual std::unique_ptr<Stream> make_stream() const = 0;
  virtual std::unique_ptr<Linear> make_linear(const LinearSpec& spec) const = 0;
  // A copy of `tensor` in backend memory, converted to f32.
  virtual std::unique_ptr<Memory> make_constant(const TensorView& tensor) const = 0;
  // The bytes of `tensor` in backend memory, as they are: the tensor's own memory where that is possible, which must
  // then outlive the result, or a copy.
  virtual std::unique_ptr<Memory> share_or_copy(const TensorView& tensor) const = 0;
  // Gives back memory kept for later calls, such as plans; streams keep their own. Any thread, at any time.
  virtual void trim() const {}

 protected:
  // `threads`: 0 for all that the process may use. Throws kInvalidArgument when negative.
  explicit Backend(int threads);
  std::shared_ptr<TunedChoices> tuned_;

 private:
  mutable ThreadPool pool_;
  uint64_t id_;
};

// Throws kUnsupported with the refusing backend's reason.
std::unique_ptr<Backend> make_backend(const BackendRequest& request);

}  // namespace sclip
