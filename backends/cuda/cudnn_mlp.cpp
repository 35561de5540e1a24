#include "backends/cuda/cudnn_mlp.h"

#include "backends/cuda/alignment.h"
#include "backends/cuda/cudnn_graph.h"
#include "backends/plan_cache.h"

namespace sclip {
namespace {

constexpr double kQuickGeluBeta = 1.702;

constexpr int64_t kMostAlignment = 16;  // what its kernels load at once

class Layer : public CudnnMlp {
 public:
  Layer(CudnnMlpSpec spec, std::shared_ptr<CudnnHandle> handle) : spec_(std::move(spec)), handle_(std::move(handle)) {}

  std::shared_ptr<const void> run(const void* x, int64_t rows, void* y, void* workspace, size_t workspace_bytes,
                                  cudaStream_t stream) const override {
    if (rows == 0) return nullptr;
    const Key key{rows, alignment_of(x, kMostAlignment), alignment_of(y, kMostAlignment)};
    const auto plan = plans_.get(key, [&] { return make_plan(key, workspace_bytes); });
    const Plan& p = *plan;
    const auto bound = spec_.bias != nullptr
                           ? bind({{p.x, x}, {p.weight, spec_.weight}, {p.bias, spec_.bias}, {p.y, y}}, workspace)
                           : bind({{p.x, x}, {p.weight, spec_.weight}, {p.y, y}}, workspace);
    handle_->run(p.plan, bound, stream, spec_.name);
    return plan;
  }
  void drop_plans() const override { plans_.clear(); }

 private:
  struct Key {
    int64_t rows, x_alignment, y_alignment;
    bool operator==(const Key&) const = default;
  };
  struct Plan {
    CudnnGraph::Tensor x, weight, bias, y;
    CudnnPlan plan;
  };

  std::shared_ptr<const Plan> make_plan(const Key& key, size_t workspace_bytes) const {
    const int64_t m = key.rows, k = spec_.inputs, n = spec_.outputs, stride = spec_.weight_stride;
    CudnnGraph graph(str("the MLP layer ", spec_.name, " (", m, " rows, ", k, " → ", n, ", ", to_string(spec_.input),
                         ", QuickGELU)"),
                     "; leave --cudnn-mlp out");
    const auto x = graph.tensor(spec_.input, {1, m, k}, {m * k, k, 1}, key.x_alignment);
    const auto weight = spec_.transposed ? graph.tensor(spec_.input, {1, k, n}, {k * stride, stride, 1})
                                         : graph.tensor(spec_.input, {1, k, n}, {n * stride, 1, stride});
    const auto y = graph.tensor(spec_.output, {1, m, n}, {m * n, n, 1}, key.y_alignment);
    const auto product = graph.intermediate({1, m, n});
    graph.matmul(x, weight, product);
    CudnnGraph::Tensor bias = 0, sum = product;
    if (spec_.bias != nullptr) {
      bias = graph.tensor(DType::kF32, {1, 1, n}, {n, n, 1});
      sum = graph.intermediate({1, m, n});
      graph.add(product, bias, sum);
    }
    graph.swish(sum, y, kQuickGeluBeta);
    return std::make_shared<Plan>(Plan{x, weight, bias, y, handle_->plan(graph, workspace_bytes)});
  }

  CudnnMlpSpec spec_;
  std::shared_ptr<CudnnHandle> handle_;
  mutable PlanCache<Key, Plan> plans_;
};

class Library : public Cudnn {
 public:
  std::unique_ptr<CudnnMlp> make_mlp(const CudnnMlpSpec& spec) const override {
    return std::make_unique<Layer>(spec, handle_);
  }

 private:
  std::shared_ptr<CudnnHandle> handle_ = std::make_shared<CudnnHandle>();
};

}  // namespace

std::unique_ptr<Cudnn> start_cudnn() {
  return std::make_unique<Library>();
}

}  // namespace sclip
