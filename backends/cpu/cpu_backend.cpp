#include "backends/cpu/cpu_backend.h"

#include <cstdlib>
#include <cstring>

#include "backends/cpu/cpu_linear.h"
#include "backends/cpu/matmul_plans.h"
#include "core/buffer.h"
#include "kernels/adapt_words/adapt_words.h"
#include "kernels/add_rows/add_rows.h"
#include "kernels/attention/attention.h"
#include "kernels/choose_heads/choose_heads.h"
#include "kernels/cpu/queue.h"
#include "kernels/embed_tokens/embed_tokens.h"
#include "kernels/feature_surgery/feature_surgery.h"
#include "kernels/gather_rows/gather_rows.h"
#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/label_affinity/label_affinity.h"
#include "kernels/label_planes/label_planes.h"
#include "kernels/layernorm/layernorm.h"
#include "kernels/matmul/matmul.h"
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

class CpuMemory : public Memory {
 public:
  explicit CpuMemory(size_t bytes) : buffer_(bytes) {
    data_ = buffer_.data();
    size_ = bytes;
  }

 private:
  AlignedBuffer<std::byte> buffer_;
};

class HostView : public Memory {
 public:
  explicit HostView(const TensorView& tensor) {
    data_ = const_cast<void*>(tensor.data);
    size_ = tensor.bytes();
  }
};

class CpuStream : public Stream {
 public:
  explicit CpuStream(ThreadPool& pool) : pool_(pool) {}

  void resize_normalize(const ResizeNormalizeParams& p) override { resize_normalize_cpu(p, queue()); }
  void resize_bicubic(const ResizeBicubicParams& p) override { resize_bicubic_cpu(p, queue()); }
  void patch_embed(const PatchEmbedParams& p, const Linear& conv1) override {
    check_params(p);
    const auto rows = static_cast<size_t>(p.batch * p.grid_h * p.grid_w);
    patches_.resize_discard(rows * static_cast<size_t>(conv1.inputs()) * size_of(p.dtype));
    embedded_.resize_discard(rows * static_cast<size_t>(p.cols));
    gather_patches_cpu(p, patches_.data(), queue());
    linear(conv1, patches_.data(), p.batch * p.grid_h * p.grid_w, embedded_.data());
    assemble_tokens_cpu(p, embedded_.data(), queue());
  }
  void embed_tokens(const EmbedTokensParams& p) override { embed_tokens_cpu(p, queue()); }
  void gather_rows(const GatherRowsParams& p) override { gather_rows_cpu(p, queue()); }
  void layernorm(const LayerNormParams& p) override { layernorm_cpu(p, queue()); }
  void attention(const AttentionParams& p) override { attention_cpu(p, queue()); }
  void matmul(const MatmulParams& p) override { matmul_cpu(p, queue()); }
  void procrustes(const ProcrustesParams& p) override { procrustes_cpu(p, queue()); }
  void tree_attention(const TreeAttentionParams& p) override { tree_attention_cpu(p, queue()); }
  void l2_normalize(const L2NormalizeParams& p) override { l2_normalize_cpu(p, queue()); }
  void mean_norm(const MeanNormParams& p) override { mean_norm_cpu(p, queue()); }
  void feature_surgery(const FeatureSurgeryParams& p) override { feature_surgery_cpu(p, queue()); }
  void window_merge(const WindowMergeParams& p) override { window_merge_cpu(p, merge_workspace_, queue()); }
  void window_planes(const WindowPlanesParams& p) override { window_planes_cpu(p, merge_workspace_, queue()); }
  void label_planes(const LabelPlanesParams& p) override { label_planes_cpu(p, queue()); }
  void overlay(const OverlayParams& p) override { overlay_cpu(p, queue()); }
  void pamr_weights(const PamrWeightsParams& p) override { pamr_weights_cpu(p, queue()); }
  void pamr(const PamrParams& p) override { pamr_cpu(p, queue()); }
  void propagate_labels(const PropagateLabelsParams& p) override { propagate_labels_cpu(p, queue()); }
  void add_rows(const AddRowsParams& p) override { add_rows_cpu(p, queue()); }
  void lof_scores(const LofScoresParams& p) override { lof_scores_cpu(p, queue()); }
  void mark_patches(const MarkPatchesParams& p) override { mark_patches_cpu(p, queue()); }
  void repair_patches(const RepairPatchesParams& p) override { repair_patches_cpu(p, queue()); }
  void similarity_maps(const SimilarityMapsParams& p) override { similarity_maps_cpu(p, queue()); }
  void choose_heads(const ChooseHeadsParams& p) override { choose_heads_cpu(p, queue()); }
  void soften_sinks(const SoftenSinksParams& p) override { soften_sinks_cpu(p, queue()); }
  void adapt_words(const AdaptWordsParams& p) override { adapt_words_cpu(p, queue()); }
  void label_affinity(const LabelAffinityParams& p) override { label_affinity_cpu(p, queue()); }

  void linear(const Linear& layer, const void* x, int64_t rows, void* y) override {
    static_cast<const CpuLinear&>(layer).run(x, rows, y, queue());
  }

  // memcpy of nothing must not see a null pointer, which is what an empty vector gives.
  void upload(void* device, const void* host, size_t bytes) override {
    if (bytes > 0) std::memcpy(device, host, bytes);
  }
  void download(void* host, const void* device, size_t bytes) override {
    if (bytes > 0) std::memcpy(host, device, bytes);
  }
  void copy(void* to, const void* from, size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void synchronize() override {}
  void trim() override {
    scratch_.trim();
    merge_workspace_ = WindowMergeWorkspace();
    patches_ = {};
    embedded_ = {};
  }

 private:
  CpuQueue queue() { return {&pool_, &scratch_}; }

  ThreadPool& pool_;
  CpuScratch scratch_;
  AlignedBuffer<std::byte> patches_;  // of patch_embed: the pixels, and their product with conv1
  AlignedBuffer<float> embedded_;
  WindowMergeWorkspace merge_workspace_;
};

class CpuBackend : public Backend {
 public:
  CpuBackend(DType activation_dtype, int threads)
      : Backend(threads),
        engine_(dnnl::engine::kind::cpu, 0),
        plans_(engine_, thread_pool().threads()),
        dtype_(activation_dtype) {}

  std::string_view name() const override { return "cpu"; }
  std::string description() const override { return str(describe_cpu(), ", ", thread_pool().threads(), " threads"); }
  DType activation_dtype() const override { return dtype_; }

  int workers() const override { return thread_pool().threads(); }
  // 197 rows of ViT-B/16 already run at full GEMM speed, and their activations fit the second-level cache.
  int preferred_batch() const override { return 1; }
  bool is_host() const override { return true; }

  std::unique_ptr<Memory> allocate(size_t bytes) const override { return std::make_unique<CpuMemory>(bytes); }
  std::unique_ptr<Memory> allocate_host(size_t bytes) const override { return allocate(bytes); }
  std::unique_ptr<Stream> make_stream() const override { return std::make_unique<CpuStream>(thread_pool()); }
  std::unique_ptr<Linear> make_linear(const LinearSpec& spec) const override {
    return std::make_unique<CpuLinear>(spec, engine_, plans_, thread_pool());
  }
  std::unique_ptr<Memory> make_constant(const TensorView& tensor) const override {
    const auto count = static_cast<size_t>(tensor.shape.count());
    auto memory = std::make_unique<CpuMemory>(count * sizeof(float));
    convert_to_f32(tensor.dtype, tensor.data, static_cast<float*>(memory->data()), count);
    return memory;
  }
  std::unique_ptr<Memory> share_or_copy(const TensorView& tensor) const override {
    return std::make_unique<HostView>(tensor);
  }
  void trim() const override { plans_.trim(); }

 private:
  dnnl::engine engine_;
  mutable MatmulPlans plans_;
  DType dtype_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(Precision precision, int threads) {
  SCLIP_CHECK(precision != Precision::kF16, kUnsupported,
              "the CPU backend does not compute in f16; use precision f32, bf16 or auto");
  SCLIP_CHECK(precision != Precision::kFP8, kUnsupported,
              "the CPU backend does not compute in fp8; use precision f32, bf16 or auto");
  SCLIP_CHECK(precision != Precision::kBF16 || cpu_has_bf16(), kUnsupported, "this processor (", describe_cpu(),
              ") has no bf16 instructions; use precision f32 or auto");
  const bool bf16 = precision == Precision::kBF16 || (precision == Precision::kAuto && cpu_has_bf16());
  // Plans are kept by MatmulPlans, which is bounded and can be trimmed; oneDNN's own cache would hold 1024 more.
  if (std::getenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY") == nullptr) dnnl::set_primitive_cache_capacity(0);
  return std::make_unique<CpuBackend>(bf16 ? DType::kBF16 : DType::kF32, threads);
}

}  // namespace sclip
