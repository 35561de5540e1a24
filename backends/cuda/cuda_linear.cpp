#include "backends/cuda/cuda_linear.h"

#include "backends/cuda/alignment.h"
#include "backends/cuda/cuda_event.h"
#include "kernels/gelu/gelu.h"

namespace sclip {
namespace {

constexpr int kCandidates = 8;
constexpr int64_t kMostAlignment = 256;  // what cuBLASLt takes for granted unless told otherwise

bool has_activation(Epilogue epilogue) {
  return epilogue == Epilogue::kQuickGelu || epilogue == Epilogue::kGelu;
}

cublasLtMatmulAlgo_t fastest(const CublasLtProduct& product, const std::vector<cublasLtMatmulAlgo_t>& candidates,
                             cublasLtHandle_t blas, const CublasLtProduct::Memory& memory, cudaStream_t stream) {
  constexpr int kRepeats = 5;
  CudaEvent start, stop;
  size_t best = 0;
  float best_time = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    product.run(blas, candidates[i], memory, stream);  // the first run loads code
    start.record(stream);
    for (int repeat = 0; repeat < kRepeats; ++repeat) product.run(blas, candidates[i], memory, stream);
    stop.record(stream);
    const float time = stop.since(start);
    if (i == 0 || time < best_time) {
      best = i;
      best_time = time;
    }
  }
  return candidates[best];
}

}  // namespace

CudaLinear::CudaLinear(const LinearSpec& spec, std::shared_ptr<CudaGemm> gemm)
    : Linear(spec.weight.shape[spec.transposed ? 0 : 1], spec.weight.shape[spec.transposed ? 1 : 0]),
      name_(spec.name),
      gemm_(std::move(gemm)),
      transposed_(spec.transposed),
      weight_stride_(spec.transposed ? outputs() : (inputs() + 7) / 8 * 8),
      epilogue_(spec.epilogue),
      input_(spec.input),
      output_(spec.output),
      weight_(gemm_->upload().rows(spec.weight, spec.input, weight_stride_)) {
  // cuBLASLt adds a bias of y's type only; the activation's kernel takes it in f32.
  if (spec.bias.data != nullptr) {
    bias_ = gemm_->upload().tensor(spec.bias, has_activation(epilogue_) ? DType::kF32 : output_);
  }
  // The text tower is f32 always, and stays with cuBLASLt.
  if (gemm_->cudnn() != nullptr && input_ != DType::kF32) {
    SCLIP_CHECK(epilogue_ != Epilogue::kGelu, kUnsupported, name_,
                " ends in GELU of the erf form, and --cudnn-mlp is for QuickGELU: leave it out for this model");
    if (epilogue_ == Epilogue::kQuickGelu) {
      mlp_ = gemm_->cudnn()->make_mlp({.name = name_,
                                       .weight = weight_->data(),
                                       .weight_stride = weight_stride_,
                                       .transposed = transposed_,
                                       .bias = bias_ != nullptr ? static_cast<const float*>(bias_->data()) : nullptr,
                                       .input = input_,
                                       .output = output_,
                                       .inputs = inputs(),
                                       .outputs = outputs()});
    }
  }
  gemm_->add(this);
}

CudaLinear::~CudaLinear() {
  gemm_->remove(this);
  const DeviceScope scope(gemm_->device(), std::nothrow);
  mlp_.reset();  // on its device
}

void CudaLinear::drop_plans() const {
  const DeviceScope scope(gemm_->device());
  plans_.clear();
  if (mlp_ != nullptr) mlp_->drop_plans();
}

std::shared_ptr<const CudaLinear::Plan> CudaLinear::make_plan(const PlanKey& key, const CublasLtProduct::Memory& memory,
                                                              cudaStream_t stream) const {
  const bool residual = epilogue_ == Epilogue::kResidual;
  const bool adds_bias = bias_ != nullptr && !has_activation(epilogue_);
  auto plan = std::make_shared<Plan>(Plan{.product = CublasLtProduct({.name = name_,
                                                                      .rows = key.rows,
                                                                      .inputs = inputs(),
                                                                      .outputs = outputs(),
                                                                      .weight_stride = weight_stride_,
                                                                      .transposed = transposed_,
                                                                      .bias = adds_bias ? bias_->data() : nullptr,
                                                                      .input = input_,
                                                                      .output = output_,
                                                                      .residual = residual})});
  // A product with a residual changes y, so it is not run for the sake of timing.
  const bool tune = gemm_->tune() && !residual;
  const auto candidates = plan->product.algorithms(gemm_->blas(), {.x = key.x_alignment, .y = key.y_alignment},
                                                   kGemmWorkspace, tune ? kCandidates : 1);
  plan->algorithm = tune && candidates.size() > 1 ? fastest(plan->product, candidates, gemm_->blas(), memory, stream)
                                                  : candidates.front();
  return plan;
}

std::shared_ptr<const void> CudaLinear::run(const void* x, int64_t rows, void* y, void* workspace,
                                            const CudaQueue& queue) const {
  if (rows == 0) return nullptr;
  if (mlp_ != nullptr) return mlp_->run(x, rows, y, workspace, kGemmWorkspace, queue.stream);
  const PlanKey key{rows, static_cast<uint32_t>(alignment_of(x, kMostAlignment)),
                    static_cast<uint32_t>(alignment_of(y, kMostAlignment))};
  const CublasLtProduct::Memory memory{weight_->data(), x, y, workspace, kGemmWorkspace};
  const auto plan = plans_.get(key, [&] { return make_plan(key, memory, queue.stream); });
  plan->product.run(gemm_->blas(), plan->algorithm, memory, queue.stream);
  if (has_activation(epilogue_)) {
    gelu_cuda({.x = y,
               .y = y,
               .bias = bias_ != nullptr ? static_cast<const float*>(bias_->data()) : nullptr,
               .dtype = output_,
               .form = epilogue_ == Epilogue::kQuickGelu ? GeluForm::kQuick : GeluForm::kErf,
               .rows = rows,
               .cols = outputs()},
              queue);
  }
  return plan;
}

}  // namespace sclip
