#include "backends/cuda/cublaslt_product.h"

namespace sclip {
namespace {

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::kF16: return CUDA_R_16F;
    case DType::kBF16: return CUDA_R_16BF;
    default: return CUDA_R_32F;
  }
}

class Preference {
 public:
  explicit Preference(const std::string& what) : what_(what) {
    check_cublaslt(cublaslt().matmul_preference_create(&preference_), "plan ", what_);
  }
  ~Preference() { cublaslt().matmul_preference_destroy(preference_); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;

  template <typename T>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
    check_cublaslt(cublaslt().matmul_preference_set_attribute(preference_, attribute, &value, sizeof(value)), "plan ",
                   what_);
  }
  cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  std::string what_;
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace

CublasLtProduct::CublasLtProduct(const CublasLtProductSpec& spec) : spec_(spec) {
  cublasLtMatmulDesc_t product = nullptr;
  check_cublaslt(cublaslt().matmul_desc_create(&product, CUBLAS_COMPUTE_32F, CUDA_R_32F), "plan ", what());
  product_.reset(product);
  const bool fp8 = spec.weight_scales != nullptr;
  set(CUBLASLT_MATMUL_DESC_TRANSA, spec.transposed ? CUBLAS_OP_N : CUBLAS_OP_T);
  if (spec.bias != nullptr) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, spec.bias);
    set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, fp8 ? CUDA_R_16BF : data_type(spec.output));
  }
  if (fp8) set_scales();
  const int64_t n = spec.outputs, k = spec.inputs;
  const cudaDataType_t input = fp8 ? CUDA_R_8F_E4M3 : data_type(spec.input), output = data_type(spec.output);
  weight_ = make_layout(input, spec.transposed ? n : k, spec.transposed ? k : n, spec.weight_stride,
                        spec.weight_batch_stride);
  x_ = make_layout(input, k, spec.rows, spec.x_stride != 0 ? spec.x_stride : k, spec.x_batch_stride);
  y_ = make_layout(output, n, spec.rows, spec.y_stride != 0 ? spec.y_stride : n, spec.y_batch_stride);
}

template <typename T>
void CublasLtProduct::set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
  check_cublaslt(cublaslt().matmul_desc_set_attribute(product_.get(), attribute, &value, sizeof(value)), "plan ",
                 what());
}

void CublasLtProduct::set_scales() {
#if CUBLAS_VERSION >= 120900
  const int32_t outer = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
  set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, outer);
  set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, outer);
  set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, spec_.weight_scales);
  set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, spec_.x_scales);
#else
  fail(ErrorCode::kUnsupported, "this build's cuBLAS has no scales of rows for ", what(),
       ": build with CUDA 12.9 or newer");
#endif
}

CublasLtProduct::Layout CublasLtProduct::make_layout(cudaDataType_t type, int64_t rows, int64_t cols, int64_t stride,
                                                     int64_t batch_stride) const {
  cublasLtMatrixLayout_t layout = nullptr;
  check_cublaslt(
      cublaslt().matrix_layout_create(&layout, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(cols), stride),
      "plan ", what());
  Layout out(layout);
  if (spec_.batch == 1) return out;
  const auto batch = static_cast<int32_t>(spec_.batch);
  check_cublaslt(
      cublaslt().matrix_layout_set_attribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof(batch)),
      "plan ", what());
  check_cublaslt(cublaslt().matrix_layout_set_attribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                        &batch_stride, sizeof(batch_stride)),
                 "plan ", what());
  return out;
}

std::string CublasLtProduct::what() const {
  return str(spec_.name, " (", spec_.batch == 1 ? "" : str(spec_.batch, " × "), spec_.rows, " rows, ", spec_.inputs,
             " → ", spec_.outputs, ")");
}

std::vector<cublasLtMatmulAlgo_t> CublasLtProduct::algorithms(cublasLtHandle_t blas, const Alignments& alignments,
                                                              size_t workspace_bytes, int most) const {
  Preference preference(what());
  preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignments.weight);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignments.x);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignments.y);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignments.y);
  std::vector<cublasLtMatmulHeuristicResult_t> found(static_cast<size_t>(most));
  int count = 0;
  check_cublaslt(cublaslt().matmul_algo_get_heuristic(blas, product_.get(), weight_.get(), x_.get(), y_.get(), y_.get(),
                                                      preference.get(), most, found.data(), &count),
                 "plan ", what());
  SCLIP_CHECK(count > 0, kUnsupported, "cuBLASLt has no algorithm for ", what(), " in ",
              spec_.weight_scales != nullptr ? "E4M3" : to_string(spec_.input));
  std::vector<cublasLtMatmulAlgo_t> out;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) out.push_back(found[i].algo);
  return out;
}

void CublasLtProduct::run(cublasLtHandle_t blas, const cublasLtMatmulAlgo_t& algorithm, const Memory& memory,
                          cudaStream_t stream) const {
  const float beta = spec_.residual ? 1.0f : 0.0f;
  check_cublaslt(cublaslt().matmul(blas, product_.get(), &spec_.alpha, memory.weight, weight_.get(), memory.x, x_.get(),
                                   &beta, memory.y, y_.get(), memory.y, y_.get(), &algorithm, memory.workspace,
                                   memory.workspace_bytes, stream),
                 "multiply ", what());
}

}  // namespace sclip
