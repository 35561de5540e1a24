#include "cublas/host_gemm.h"

#ifdef CUDASIM_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#else
#include <cblas.h>
#endif

#include <cstdio>
#include <cstdlib>

namespace cudasim_blas {

void host_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda,
               const float* b, int64_t ldb, float* c) {
#ifdef CUDASIM_ONEDNN
  // oneDNN's rows are our columns, so it computes the transposed product.
  if (dnnl_sgemm(trans_b ? 'T' : 'N', trans_a ? 'T' : 'N', n, m, k, alpha, b, ldb, a, lda, 0, c, m) == dnnl_success)
    return;
  std::fprintf(stderr, "cudasim: oneDNN failed on a product of %lld x %lld x %lld.\n", static_cast<long long>(m),
               static_cast<long long>(n), static_cast<long long>(k));
  std::abort();
#else
  cblas_sgemm(CblasColMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans, int(m), int(n),
              int(k), alpha, a, int(lda), b, int(ldb), 0, c, int(m));
#endif
}

}  // namespace cudasim_blas
