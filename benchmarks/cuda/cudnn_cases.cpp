// What cuDNN makes of the same shapes, to measure this project's kernels by: its fused attention, the patch embedding
// as a convolution (without positions and ln_pre, which cuDNN does not have), and product, bias and QuickGELU in one
// kernel, with cuBLASLt and this project's kernel beside it.
#include <algorithm>
#include <cmath>

#include "backends/cuda/cuda_stream.h"
#include "backends/cuda/cudnn_graph.h"
#include "backends/cuda/cudnn_mlp.h"
#include "benchmarks/cuda/cases.h"
#include "benchmarks/kernels/arrays.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr size_t kWorkspace = size_t{256} << 20;  // a baseline may have what it likes

// A graph with its plan, arrays and addresses: what `prepare` leaves for the calls.
struct Prepared {
  CudnnHandle handle;
  std::shared_ptr<Arrays> arrays;
  std::unique_ptr<CudnnPlan> plan;
  std::unique_ptr<CudnnDescriptor> bound;

  void finish(CudnnGraph& graph, std::initializer_list<std::pair<CudnnGraph::Tensor, const void*>> pointers) {
    plan = std::make_unique<CudnnPlan>(handle.plan(graph, kWorkspace));
    void* workspace = arrays->room<uint8_t>(static_cast<int64_t>(std::max<size_t>(plan->workspace(), 1)));
    bound = std::make_unique<CudnnDescriptor>(bind(pointers, workspace));
  }
};

cudaStream_t native(Stream& stream) {
  return static_cast<CudaStream&>(stream).native();
}

std::function<void()> calls(std::shared_ptr<Prepared> prepared, Stream& stream, const std::string& name) {
  return [prepared, name, queue = native(stream)] {
    prepared->handle.run(*prepared->plan, *prepared->bound, queue, name);
  };
}

KernelCase attention(const std::string& name, int64_t batch, int64_t tokens, int64_t heads, int64_t head_dim) {
  const int64_t count = batch * tokens * heads * head_dim;
  const auto elements = static_cast<double>(count);
  return {.name = name,
          .shape = str(batch, "×", tokens, "×", heads, "×", head_dim, " f16"),
          .floor = {.mma = 2 * elements * static_cast<double>(tokens) / 2048, .bytes = 4 * elements * 2},
          .prepare = [=](Backend& backend, Stream& stream) -> std::function<void()> {
            auto p = std::make_shared<Prepared>();
            p->arrays = std::make_shared<Arrays>(backend, stream);
            // (B, N, 3, A, d), as the kernel takes it, seen as three tensors (B, A, N, d).
            const int64_t width = heads * head_dim;
            const auto* qkv = static_cast<const Float16*>(p->arrays->normal(DType::kF16, 3 * count));
            const auto* out = p->arrays->room<Float16>(count);
            const std::vector<int64_t> dims{batch, heads, tokens, head_dim};
            const std::vector<int64_t> strides{tokens * 3 * width, head_dim, 3 * width, 1};
            CudnnGraph graph(name);
            const auto q = graph.tensor(DType::kF16, dims, strides);
            const auto k = graph.tensor(DType::kF16, dims, strides);
            const auto v = graph.tensor(DType::kF16, dims, strides);
            const auto o = graph.tensor(DType::kF16, dims, {tokens * width, head_dim, width, 1});
            const auto scale = graph.scalar(4);
            graph.attention(q, k, v, scale, o);
            const auto factor = std::make_shared<float>(1 / std::sqrt(static_cast<float>(head_dim)));
            p->finish(graph, {{q, qkv}, {k, qkv + width}, {v, qkv + 2 * width}, {scale, factor.get()}, {o, out}});
            return [factor, call = calls(p, stream, name)] { call(); };
          }};
}

// As windows that were cut out and rounded before: less work than the kernel does, which reads the f32 photo.
KernelCase patch_convolution(int64_t batch, int64_t patch, int64_t cols, bool channels_last) {
  const int64_t grid = 224 / patch, patches = grid * grid, depth = 3 * patch * patch;
  const std::string name = str("cudnn-patch-embed-", patch, channels_last ? "-nhwc" : "-nchw");
  return {.name = name,
          .shape = str(batch, " windows of ", grid, "×", grid, " patches → ", cols, " f16"),
          .floor = {.mma = static_cast<double>(batch * patches * depth * cols) / 2048,
                    .bytes = static_cast<double>(batch * patches * depth + cols * depth + batch * patches * cols) * 2},
          .prepare = [=](Backend& backend, Stream& stream) -> std::function<void()> {
            auto p = std::make_shared<Prepared>();
            p->arrays = std::make_shared<Arrays>(backend, stream);
            CudnnGraph graph(name);
            const auto square = [&](int64_t n, int64_t c, int64_t side) {
              return graph.tensor(DType::kF16, {n, c, side, side},
                                  channels_last ? std::vector<int64_t>{c * side * side, 1, side * c, c}
                                                : std::vector<int64_t>{c * side * side, side * side, side, 1});
            };
            const auto x = square(batch, 3, 224), w = square(cols, 3, patch), y = square(batch, cols, grid);
            graph.convolution(x, w, y, patch);
            p->finish(graph, {{x, p->arrays->normal(DType::kF16, batch * 3 * 224 * 224)},
                              {w, p->arrays->normal(DType::kF16, cols * depth, 0.03f)},
                              {y, p->arrays->room<Float16>(batch * patches * cols)}});
            return calls(p, stream, name);
          }};
}

// The hidden layer as CudaLinear computes it: with cuDNN, or with cuBLASLt and the gelu kernel.
KernelCase mlp(const std::string& name, bool with_cudnn, int64_t rows, int64_t inputs, int64_t outputs) {
  return {.name = name,
          .shape = str(rows, "×", inputs, " → ", outputs, ", bias, QuickGELU, f16"),
          .floor = {.mma = static_cast<double>(rows * inputs * outputs) / 2048,
                    .bytes = static_cast<double>((rows + outputs) * inputs * 2 + rows * outputs * 2 + outputs * 4)},
          .prepare = [=](Backend& given, Stream& stream) -> std::function<void()> {
            std::shared_ptr<Backend> backend = make_backend({.device = "cuda", .cudnn_mlp = with_cudnn});
            auto a = std::make_shared<Arrays>(given, stream);
            const auto weight = random_normal(static_cast<size_t>(outputs * inputs), 98, 0.03f);
            const auto bias = random_normal(static_cast<size_t>(outputs), 97);
            std::shared_ptr<Linear> fc1 = backend->make_linear(
                {.name = "fc1",
                 .weight = {.data = weight.data(), .dtype = DType::kF32, .shape = {outputs, inputs}},
                 .bias = {.data = bias.data(), .dtype = DType::kF32, .shape = {outputs}},
                 .epilogue = Epilogue::kQuickGelu,
                 .input = DType::kF16,
                 .output = DType::kF16});
            const void* x = a->normal(DType::kF16, rows * inputs);
            void* y = a->room<Float16>(rows * outputs);
            return [a, backend, fc1, x, y, rows, &stream] { stream.linear(*fc1, x, rows, y); };
          }};
}

}  // namespace

std::vector<KernelCase> kernel_cases() {
  return {
      attention("cudnn-attention-clip-197", 2, 197, 12, 64),
      attention("cudnn-attention-clip-577", 1, 577, 4, 64),
      patch_convolution(6, 16, 768, true),
      patch_convolution(6, 16, 768, false),
      mlp("cudnn-mlp-quick-gelu", true, 394, 768, 3072),
      mlp("cublaslt-mlp-quick-gelu", false, 394, 768, 3072),
  };
}

std::vector<KernelCase> timed_kernel_cases() {
  return {
      attention("cudnn-attention-clip-197", 64, 197, 12, 64),
      attention("cudnn-attention-clip-441", 32, 442, 12, 64),
      attention("cudnn-attention-clip-785", 16, 785, 12, 64),
      patch_convolution(64, 16, 768, true),
      patch_convolution(64, 16, 768, false),
      mlp("cudnn-mlp-quick-gelu", true, 64 * 197, 768, 3072),
      mlp("cublaslt-mlp-quick-gelu", false, 64 * 197, 768, 3072),
  };
}

}  // namespace sclip
