#include "backends/cuda/cuda_linear.h"

#include <algorithm>
#include <array>
#include <vector>

#include "backends/cuda/alignment.h"
#include "backends/cuda/cublaslt_api.h"
#include "backends/cuda/cuda_convert.h"
#include "backends/cuda/cuda_memory.h"
#include "kernels/gelu/gelu.h"

namespace sclip {
namespace {

constexpr int kCandidates = 8;
constexpr int64_t kMostAlignment = 256;  // what cuBLASLt takes for granted unless told otherwise

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::kF16: return CUDA_R_16F;
    case DType::kBF16: return CUDA_R_16BF;
    default: return CUDA_R_32F;
  }
}

bool has_activation(Epilogue epilogue) {
  return epilogue == Epilogue::kQuickGelu || epilogue == Epilogue::kGelu;
}

}  // namespace

struct CudaLinear::Plan {
  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    if (product != nullptr) cublaslt().matmul_desc_destroy(product);
    for (cublasLtMatrixLayout_t layout : {w, x, y}) {
      if (layout != nullptr) cublaslt().matrix_layout_destroy(layout);
    }
  }

  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t w = nullptr, x = nullptr, y = nullptr;
  cublasLtMatmulAlgo_t algo{};
};

CudaLinear::CudaLinear(const LinearSpec& spec, cublasLtHandle_t blas, bool tune, const Cudnn* cudnn)
    : Linear(spec.weight.shape[spec.transposed ? 0 : 1], spec.weight.shape[spec.transposed ? 1 : 0]),
      name_(spec.name),
      blas_(blas),
      tune_(tune),
      transposed_(spec.transposed),
      weight_stride_(spec.transposed ? outputs() : (inputs() + 7) / 8 * 8),
      epilogue_(spec.epilogue),
      input_(spec.input),
      output_(spec.output),
      weight_(copy_rows_to_device(spec.weight, spec.input, weight_stride_)) {
  // cuBLASLt adds a bias of y's type only; the activation's kernel takes it in f32.
  if (spec.bias.data != nullptr) bias_ = copy_to_device(spec.bias, has_activation(epilogue_) ? DType::kF32 : output_);
  // The text tower is f32 always, and stays with cuBLASLt.
  if (cudnn != nullptr && input_ != DType::kF32) {
    SCLIP_CHECK(epilogue_ != Epilogue::kGelu, kUnsupported, name_,
                " ends in GELU of the erf form, and --cudnn-mlp is for QuickGELU: leave it out for this model");
    if (epilogue_ == Epilogue::kQuickGelu) {
      mlp_ = cudnn->make_mlp({.name = name_,
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
}

CudaLinear::~CudaLinear() = default;

const CudaLinear::Plan& CudaLinear::plan(int64_t rows, const void* x, void* y, void* workspace,
                                         cudaStream_t stream) const {
  const std::lock_guard lock(mutex_);
  const PlanKey key{rows, static_cast<uint32_t>(alignment_of(x, kMostAlignment)),
                    static_cast<uint32_t>(alignment_of(y, kMostAlignment))};
  if (const auto found = plans_.find(key); found != plans_.end()) return *found->second;

  auto plan = std::make_unique<Plan>();
  const auto n = static_cast<uint64_t>(outputs());
  const auto k = static_cast<uint64_t>(inputs());
  const auto m = static_cast<uint64_t>(rows);
  const auto what = [&] { return str("plan ", name_, " (", rows, " rows, ", k, " → ", n, ")"); };

  check_cublaslt(cublaslt().matmul_desc_create(&plan->product, CUBLAS_COMPUTE_32F, CUDA_R_32F), what());
  const cublasOperation_t transpose = transposed_ ? CUBLAS_OP_N : CUBLAS_OP_T;
  check_cublaslt(
      cublaslt().matmul_desc_set_attribute(plan->product, CUBLASLT_MATMUL_DESC_TRANSA, &transpose, sizeof(transpose)),
      what());
  if (bias_ != nullptr && !has_activation(epilogue_)) {
    const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    const void* bias = bias_->data();
    const cudaDataType_t bias_type = data_type(output_);
    check_cublaslt(
        cublaslt().matmul_desc_set_attribute(plan->product, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof(epilogue)),
        what());
    check_cublaslt(
        cublaslt().matmul_desc_set_attribute(plan->product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof(bias)),
        what());
    check_cublaslt(cublaslt().matmul_desc_set_attribute(plan->product, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &bias_type,
                                                        sizeof(bias_type)),
                   what());
  }
  const cudaDataType_t in = data_type(input_);
  check_cublaslt(transposed_ ? cublaslt().matrix_layout_create(&plan->w, in, n, k, weight_stride_)
                             : cublaslt().matrix_layout_create(&plan->w, in, k, n, weight_stride_),
                 what());
  check_cublaslt(cublaslt().matrix_layout_create(&plan->x, in, k, m, static_cast<int64_t>(k)), what());
  check_cublaslt(cublaslt().matrix_layout_create(&plan->y, data_type(output_), n, m, static_cast<int64_t>(n)), what());

  cublasLtMatmulPreference_t preference = nullptr;
  check_cublaslt(cublaslt().matmul_preference_create(&preference), what());
  const size_t limit = kGemmWorkspace;
  cublaslt().matmul_preference_set_attribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &limit,
                                             sizeof(limit));
  for (const auto& [attribute, alignment] : {std::pair{CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.x_alignment},
                                             std::pair{CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.y_alignment},
                                             std::pair{CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.y_alignment}}) {
    cublaslt().matmul_preference_set_attribute(preference, attribute, &alignment, sizeof(alignment));
  }
  std::array<cublasLtMatmulHeuristicResult_t, kCandidates> found{};
  int count = 0;
  const cublasStatus_t status =
      cublaslt().matmul_algo_get_heuristic(blas_, plan->product, plan->w, plan->x, plan->y, plan->y, preference,
                                           tune_ ? kCandidates : 1, found.data(), &count);
  cublaslt().matmul_preference_destroy(preference);
  check_cublaslt(status, what());
  SCLIP_CHECK(count > 0, kUnsupported, "cuBLASLt has no algorithm to ", what(), " in ", to_string(input_));
  plan->algo = found[0].algo;

  // A product with a residual changes y, so it is not run for the sake of timing.
  if (tune_ && count > 1 && epilogue_ != Epilogue::kResidual) {
    cudaEvent_t start = nullptr, stop = nullptr;
    check_cuda(cudaEventCreate(&start), "make an event");
    check_cuda(cudaEventCreate(&stop), "make an event");
    float best = 0;
    for (int i = 0; i < count; ++i) {
      const auto& algo = found[static_cast<size_t>(i)].algo;
      multiply(*plan, algo, x, y, workspace, stream);  // the first run loads code
      cudaEventRecord(start, stream);
      for (int repeat = 0; repeat < 5; ++repeat) multiply(*plan, algo, x, y, workspace, stream);
      cudaEventRecord(stop, stream);
      check_cuda(cudaEventSynchronize(stop), "time candidates for ", name_);
      float time = 0;
      check_cuda(cudaEventElapsedTime(&time, start, stop), "time candidates for ", name_);
      if (i == 0 || time < best) {
        best = time;
        plan->algo = algo;
      }
    }
    cudaEventDestroy(start);
    cudaEventDestroy(stop);
  }
  return *plans_.emplace(key, std::move(plan)).first->second;
}

void CudaLinear::multiply(const Plan& plan, const cublasLtMatmulAlgo_t& algo, const void* x, void* y, void* workspace,
                          cudaStream_t stream) const {
  const float one = 1;
  const float beta = epilogue_ == Epilogue::kResidual ? 1.0f : 0.0f;
  check_cublaslt(cublaslt().matmul(blas_, plan.product, &one, weight_->data(), plan.w, x, plan.x, &beta, y, plan.y, y,
                                   plan.y, &algo, workspace, kGemmWorkspace, stream),
                 "multiply ", name_, " (", inputs(), " → ", outputs(), ")");
}

void CudaLinear::run(const void* x, int64_t rows, void* y, void* workspace, cudaStream_t stream) const {
  if (rows == 0) return;
  if (mlp_ != nullptr) {
    mlp_->run(x, rows, y, workspace, kGemmWorkspace, stream);
    return;
  }
  const Plan& p = plan(rows, x, y, workspace, stream);
  multiply(p, p.algo, x, y, workspace, stream);
  if (has_activation(epilogue_)) {
    gelu_cuda({.x = y,
               .y = y,
               .bias = bias_ != nullptr ? static_cast<const float*>(bias_->data()) : nullptr,
               .dtype = output_,
               .form = epilogue_ == Epilogue::kQuickGelu ? GeluForm::kQuick : GeluForm::kErf,
               .rows = rows,
               .cols = outputs()},
              stream);
  }
}

}  // namespace sclip
