#include "backends/cuda/cuda_matmul.h"

#include <algorithm>

#include "backends/cuda/alignment.h"
#include "backends/cuda/cuda_linear.h"
#include "kernels/matmul/matmul.h"

namespace sclip {
namespace {

// Bytes that every matrix of a batch is a multiple of.
uint32_t alignment_of_batch(const void* first, int64_t batch_stride, DType dtype) {
  constexpr int64_t kMost = 256;
  const int64_t bytes = batch_stride * static_cast<int64_t>(size_of(dtype));
  const int64_t of_stride = bytes == 0 ? kMost : std::min(kMost, bytes & -bytes);
  return static_cast<uint32_t>(std::min(alignment_of(first, kMost), of_stride));
}

}  // namespace

std::shared_ptr<const CudaMatmul::Plan> CudaMatmul::make_plan(const Key& key) const {
  auto plan = std::make_shared<Plan>(Plan{.product = CublasLtProduct({.name = "matmul",
                                                                      .rows = key.rows,
                                                                      .inputs = key.depth,
                                                                      .outputs = key.cols,
                                                                      .weight_stride = key.b_row_stride,
                                                                      .transposed = !key.transpose_b,
                                                                      .input = key.dtype,
                                                                      .output = key.out_dtype,
                                                                      .alpha = key.alpha,
                                                                      .x_stride = key.a_row_stride,
                                                                      .y_stride = key.c_row_stride,
                                                                      .batch = key.batch,
                                                                      .weight_batch_stride = key.b_batch_stride,
                                                                      .x_batch_stride = key.a_batch_stride,
                                                                      .y_batch_stride = key.c_batch_stride})});
  plan->algorithm = plan->product.algorithms(gemm_->blas(), key.alignments, kGemmWorkspace, 1).front();
  return plan;
}

std::shared_ptr<const void> CudaMatmul::run(const MatmulParams& p, void* workspace, const CudaQueue& queue) {
  SCLIP_CHECK(p.dtype == DType::kF32 || p.dtype == DType::kF16 || p.dtype == DType::kBF16, kInvalidArgument,
              "matmul takes F32, F16 or BF16, not ", to_string(p.dtype));
  check_params(p);
  if (p.batch == 0 || p.rows == 0 || p.cols == 0) return nullptr;
  SCLIP_CHECK(p.batch < int64_t{1} << 31, kUnsupported, "matmul: a batch of ", p.batch,
              " is more than cuBLASLt counts");
  const MatmulRowStrides stride = row_strides(p);
  const Key key{.dtype = p.dtype,
                .out_dtype = p.out_dtype,
                .transpose_b = p.transpose_b,
                .batch = p.batch,
                .rows = p.rows,
                .cols = p.cols,
                .depth = p.depth,
                .a_batch_stride = p.a_batch_stride,
                .b_batch_stride = p.b_batch_stride,
                .c_batch_stride = p.c_batch_stride,
                .a_row_stride = stride.a,
                .b_row_stride = stride.b,
                .c_row_stride = stride.c,
                .alpha = p.alpha,
                .alignments = {.weight = alignment_of_batch(p.b, p.b_batch_stride, p.dtype),
                               .x = alignment_of_batch(p.a, p.a_batch_stride, p.dtype),
                               .y = alignment_of_batch(p.c, p.c_batch_stride, p.out_dtype)}};
  const auto plan = plans_.get(key, [&] { return make_plan(key); });
  plan->product.run(gemm_->blas(), plan->algorithm, {p.b, p.a, p.c, workspace, kGemmWorkspace}, queue.stream);
  return plan;
}

}  // namespace sclip
