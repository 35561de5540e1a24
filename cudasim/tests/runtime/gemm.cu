// cuBLASLt and cuBLAS against a product in double: transposes, orders, batches, epilogues, types; and what they refuse.
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"

static cublasLtHandle_t lt;
static cublasHandle_t blas;

static size_t size_of(cudaDataType t) {
  return t == CUDA_R_32F ? 4 : 2;
}
static double get(const std::vector<uint8_t>& v, size_t i, cudaDataType t) {
  if (t == CUDA_R_32F) {
    float f;
    std::memcpy(&f, &v[i * 4], 4);
    return f;
  }
  if (t == CUDA_R_16F) {
    __half h;
    std::memcpy(&h, &v[i * 2], 2);
    return __half2float(h);
  }
  __nv_bfloat16 b;
  std::memcpy(&b, &v[i * 2], 2);
  return __bfloat162float(b);
}
static void put(std::vector<uint8_t>& v, size_t i, cudaDataType t, float f) {
  if (t == CUDA_R_32F)
    std::memcpy(&v[i * 4], &f, 4);
  else if (t == CUDA_R_16F) {
    const __half h(f);
    std::memcpy(&v[i * 2], &h, 2);
  } else {
    const __nv_bfloat16 b(f);
    std::memcpy(&v[i * 2], &b, 2);
  }
}
static double ulp_error(cudaDataType t) {
  return t == CUDA_R_32F ? 0x1p-23 : t == CUDA_R_16F ? 0x1p-11 : 0x1p-8;
}

static uint32_t g_random = 12345;
static float random_value() {
  g_random = g_random * 1664525u + 1013904223u;
  return float(int(g_random >> 20) - 2048) / 1024;  // exact in f16 up to 11 bits, rounded by put in bf16
}

struct Mat {
  cudaDataType type;
  bool row;
  int rows, cols, ld, batch;
  long long stride;
  std::vector<uint8_t> host;
  void* device = nullptr;
  Mat(cudaDataType t, bool r, int rows_, int cols_, int pad, int batch_, bool shared = false)
      : type(t), row(r), rows(rows_), cols(cols_), ld((r ? cols_ : rows_) + pad), batch(batch_) {
    const long long one = (long long)ld * (r ? rows_ : cols_);
    stride = shared ? 0 : one + 8 * (batch_ > 1);
    const size_t n = size_t((shared ? 0 : batch - 1) * stride + one);
    host.resize(n * size_of(t));
    for (size_t i = 0; i < n; ++i) put(host, i, t, random_value());
    OK(cudaMalloc(&device, host.size()));
    OK(cudaMemcpy(device, host.data(), host.size(), cudaMemcpyHostToDevice));
  }
  Mat(const Mat&) = delete;
  ~Mat() {
    if (device) cudaFree(device);
  }
  size_t at(int b, int i, int j) const {
    return size_t(b * stride + (row ? (long long)i * ld + j : (long long)j * ld + i));
  }
  double value(int b, int i, int j) const { return get(host, at(b, i, j), type); }
  cublasLtMatrixLayout_t layout() const {
    cublasLtMatrixLayout_t l;
    OK(cublasLtMatrixLayoutCreate(&l, type, rows, cols, ld));
    const int32_t order = row ? CUBLASLT_ORDER_ROW : CUBLASLT_ORDER_COL, count = batch;
    const int64_t offset = stride;
    OK(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof order));
    OK(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count));
    OK(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &offset, sizeof offset));
    return l;
  }
};

static double activate(double x, int epilogue) {
  if (epilogue & CUBLASLT_EPILOGUE_RELU) return x < 0 ? 0 : x;
  if (epilogue & CUBLASLT_EPILOGUE_GELU)
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  return x;
}

// Compares the device's D with alpha op(A) op(B) + beta C, bias and activation; what lies between the columns must be
// as before.
static bool correct(const Mat& a, bool ta, const Mat& b, bool tb, const Mat& c, const Mat& d, double alpha, double beta,
                    const std::vector<uint8_t>* bias, int epilogue, double input_error = 0) {
  std::vector<uint8_t> out(d.host.size());
  OK(cudaMemcpy(out.data(), d.device, out.size(), cudaMemcpyDeviceToHost));
  std::vector<bool> written(out.size() / size_of(d.type));
  const int k = ta ? a.rows : a.cols;
  double worst = 0;
  for (int s = 0; s < d.batch; ++s)
    for (int i = 0; i < d.rows; ++i)
      for (int j = 0; j < d.cols; ++j) {
        double sum = 0, size = 0;
        for (int p = 0; p < k; ++p) {
          const double x = ta ? a.value(s, p, i) : a.value(s, i, p), y = tb ? b.value(s, j, p) : b.value(s, p, j);
          sum += x * y;
          size += std::fabs(x * y);
        }
        double want = alpha * sum, scale = std::fabs(alpha) * size;
        if (beta != 0) {
          want += beta * c.value(s, i, j);
          scale += std::fabs(beta * c.value(s, i, j));
        }
        if (bias) {
          const double v = get(*bias, size_t(i), d.type);
          want += v;
          scale += std::fabs(v);
        }
        want = activate(want, epilogue);
        // Half a unit of the result's type, and f32 sums whose order is not ours.
        const double allowed = std::fabs(want) * ulp_error(d.type) + scale * (1e-6 + input_error) + 1e-6;
        const double error = std::fabs(get(out, d.at(s, i, j), d.type) - want) / allowed;
        if (!(error <= worst)) worst = error;
        written[d.at(s, i, j)] = true;
      }
  size_t spoilt = 0;
  for (size_t i = 0; i < written.size(); ++i)
    if (!written[i] && std::memcmp(&out[i * size_of(d.type)], &d.host[i * size_of(d.type)], size_of(d.type)) != 0)
      ++spoilt;
  if (worst <= 1 && !spoilt) return true;
  std::printf("m %d n %d k %d: error %.3g of what is allowed, %zu elements outside D spoilt\n", d.rows, d.cols, k,
              worst, spoilt);
  return false;
}

struct Case {
  cudaDataType in, out;
  bool ta, tb;
  int row, batch;
  bool shared;
  float beta;
  bool in_place;
  int epilogue;
  bool device_pointers;
};

static void run_lt(const Case& t, int m, int n, int k, int pad) {
  Mat a(t.in, t.row & 1, t.ta ? k : m, t.ta ? m : k, pad, t.batch),
      b(t.in, t.row & 2, t.tb ? n : k, t.tb ? k : n, pad, t.batch, t.shared);
  Mat c(t.out, t.row & 4, m, n, pad, t.batch), d(t.out, t.row & 4, m, n, t.in_place ? pad : pad + 8, t.batch);
  const bool with_bias = t.epilogue & CUBLASLT_EPILOGUE_BIAS;
  Mat bias(t.out, false, m, 1, 0, 1);
  cublasLtMatmulDesc_t op;
  OK(cublasLtMatmulDescCreate(&op, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  const cublasOperation_t ta = t.ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb = t.tb ? CUBLAS_OP_T : CUBLAS_OP_N;
  const int32_t epilogue = t.epilogue,
                mode = t.device_pointers ? CUBLASLT_POINTER_MODE_DEVICE : CUBLASLT_POINTER_MODE_HOST;
  OK(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_TRANSA, &ta, sizeof ta));
  OK(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_TRANSB, &tb, sizeof tb));
  OK(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
  OK(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_POINTER_MODE, &mode, sizeof mode));
  if (with_bias)
    OK(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias.device, sizeof bias.device));
  const auto la = a.layout(), lb = b.layout(), lc = c.layout(), ld = d.layout();
  cublasLtMatmulPreference_t pref;
  OK(cublasLtMatmulPreferenceCreate(&pref));
  const size_t room = 4 << 20;
  OK(cublasLtMatmulPreferenceSetAttribute(pref, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room));
  cublasLtMatmulHeuristicResult_t found[2];
  int count = 0;
  OK(cublasLtMatmulAlgoGetHeuristic(lt, op, la, lb, lc, ld, pref, 2, found, &count));
  EXPECT(count >= 1 && found[0].workspaceSize <= room);
  void* workspace = nullptr;
  if (found[0].workspaceSize) OK(cudaMalloc(&workspace, found[0].workspaceSize));
  const float alpha = 0.75f, scalars[2] = {alpha, t.beta};
  float* device_scalars;
  OK(cudaMalloc(reinterpret_cast<void**>(&device_scalars), sizeof scalars));
  OK(cudaMemcpy(device_scalars, scalars, sizeof scalars, cudaMemcpyHostToDevice));
  const float* s = t.device_pointers ? device_scalars : scalars;
  OK(cublasLtMatmul(lt, op, s, a.device, la, b.device, lb, s + 1, t.in_place ? d.device : c.device, lc, d.device, ld,
                    &found[0].algo, workspace, found[0].workspaceSize, nullptr));
  OK(cudaDeviceSynchronize());
  EXPECT(correct(a, t.ta, b, t.tb, t.in_place ? d : c, d, alpha, t.beta, with_bias ? &bias.host : nullptr, t.epilogue));
  if (workspace) OK(cudaFree(workspace));
  OK(cudaFree(device_scalars));
  for (auto l : {la, lb, lc, ld}) OK(cublasLtMatrixLayoutDestroy(l));
  OK(cublasLtMatmulPreferenceDestroy(pref));
  OK(cublasLtMatmulDescDestroy(op));
}

static void products() {
  const cudaDataType types[][2] = {{CUDA_R_32F, CUDA_R_32F},
                                   {CUDA_R_16F, CUDA_R_16F},
                                   {CUDA_R_16BF, CUDA_R_16BF},
                                   {CUDA_R_16F, CUDA_R_32F},
                                   {CUDA_R_16BF, CUDA_R_32F}};
  const int plain = CUBLASLT_EPILOGUE_DEFAULT;
  for (const auto& t : types) {
    for (int trans = 0; trans < 4; ++trans) {
      run_lt({t[0], t[1], bool(trans & 1), bool(trans & 2), 0, 1, false, 0, false, plain, false}, 24, 16, 40, 8);
      run_lt({t[0], t[1], bool(trans & 1), bool(trans & 2), 0, 3, trans == 1, 0.5f, false, plain, trans == 2}, 7, 5, 9,
             3);
      for (int row = 1; row < 8; ++row)
        run_lt({t[0], t[1], bool(trans & 1), bool(trans & 2), row, 2, false, -1, false, plain, false}, 6, 10, 3, 2);
    }
    for (int epilogue : {int(CUBLASLT_EPILOGUE_BIAS), int(CUBLASLT_EPILOGUE_RELU), int(CUBLASLT_EPILOGUE_GELU),
                         int(CUBLASLT_EPILOGUE_RELU_BIAS), int(CUBLASLT_EPILOGUE_GELU_BIAS)}) {
      run_lt({t[0], t[1], true, false, 0, 1, false, 0, false, epilogue, false}, 33, 17, 21, 0);
      run_lt({t[0], t[1], true, false, 0, 2, false, 1, false, epilogue, false}, 16, 8, 64, 0);
      run_lt({t[0], t[1], false, false, 0, 1, false, 1, true, epilogue, true}, 8, 8, 8, 1);
    }
  }
}

static void classic() {
  const float alpha = 1.5f, beta = -0.5f;
  for (int trans = 0; trans < 4; ++trans) {
    const bool ta = trans & 1, tb = trans & 2;
    const cublasOperation_t oa = ta ? CUBLAS_OP_T : CUBLAS_OP_N, ob = tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    const int m = 13, n = 6, k = 11;
    for (cudaDataType type : {CUDA_R_32F, CUDA_R_16F, CUDA_R_16BF}) {
      Mat a(type, false, ta ? k : m, ta ? m : k, 2, 1), b(type, false, tb ? n : k, tb ? k : n, 1, 1),
          c(type, false, m, n, 3, 1);
      OK(cublasGemmEx(blas, oa, ob, m, n, k, &alpha, a.device, type, a.ld, b.device, type, b.ld, &beta, c.device, type,
                      c.ld, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
      EXPECT(correct(a, ta, b, tb, c, c, alpha, beta, nullptr, CUBLASLT_EPILOGUE_DEFAULT));
      Mat as(type, false, ta ? k : m, ta ? m : k, 2, 4), bs(type, false, tb ? n : k, tb ? k : n, 1, 4, true),
          cs(type, false, m, n, 3, 4);
      OK(cublasGemmStridedBatchedEx(blas, oa, ob, m, n, k, &alpha, as.device, type, as.ld, as.stride, bs.device, type,
                                    bs.ld, bs.stride, &beta, cs.device, type, cs.ld, cs.stride, 4, CUBLAS_COMPUTE_32F,
                                    CUBLAS_GEMM_DEFAULT));
      EXPECT(correct(as, ta, bs, tb, cs, cs, alpha, beta, nullptr, CUBLASLT_EPILOGUE_DEFAULT));
    }
    Mat a(CUDA_R_32F, false, ta ? k : m, ta ? m : k, 0, 1), b(CUDA_R_32F, false, tb ? n : k, tb ? k : n, 0, 1),
        c(CUDA_R_32F, false, m, n, 0, 1);
    const auto sgemm = [&](Mat& out) {
      OK(cublasSgemm(blas, oa, ob, m, n, k, &alpha, static_cast<float*>(a.device), a.ld, static_cast<float*>(b.device),
                     b.ld, &beta, static_cast<float*>(out.device), out.ld));
    };
    sgemm(c);
    EXPECT(correct(a, ta, b, tb, c, c, alpha, beta, nullptr, CUBLASLT_EPILOGUE_DEFAULT));
    // TF32 keeps 10 bits of the operands, and it must show: these have 20 bits.
    Mat c2(CUDA_R_32F, false, m, n, 0, 1), fine(CUDA_R_32F, false, ta ? k : m, ta ? m : k, 0, 1);
    for (size_t i = 0; i < fine.host.size() / 4; ++i)
      put(fine.host, i, CUDA_R_32F, float(get(fine.host, i, CUDA_R_32F)) * (1 + 0x1p-12f));
    OK(cudaMemcpy(fine.device, fine.host.data(), fine.host.size(), cudaMemcpyHostToDevice));
    OK(cublasSetMathMode(blas, CUBLAS_TF32_TENSOR_OP_MATH));
    OK(cublasSgemm(blas, oa, ob, m, n, k, &alpha, static_cast<float*>(fine.device), fine.ld,
                   static_cast<float*>(b.device), b.ld, &beta, static_cast<float*>(c2.device), c2.ld));
    OK(cublasSetMathMode(blas, CUBLAS_DEFAULT_MATH));
    EXPECT(correct(fine, ta, b, tb, c2, c2, alpha, beta, nullptr, CUBLASLT_EPILOGUE_DEFAULT, 0x1p-10));
    std::printf("(the next line must say that TF32 is not f32)\n");
    EXPECT(!correct(fine, ta, b, tb, c2, c2, alpha, beta, nullptr, CUBLASLT_EPILOGUE_DEFAULT));
  }
}

// beta = 0 must not read C, NaN and infinity must survive.
static void special_values() {
  Mat a(CUDA_R_32F, false, 2, 2, 0, 1), b(CUDA_R_32F, false, 2, 2, 0, 1), c(CUDA_R_32F, false, 2, 2, 0, 1);
  const float nan = NAN, inf = INFINITY;
  const float ha[4] = {1, 0, 0, 1}, hb[4] = {nan, 2, 3, inf}, hc[4] = {nan, nan, nan, nan};
  OK(cudaMemcpy(a.device, ha, 16, cudaMemcpyHostToDevice));
  OK(cudaMemcpy(c.device, hc, 16, cudaMemcpyHostToDevice));
  const float finite[4] = {1, 2, 3, 4};
  OK(cudaMemcpy(b.device, finite, 16, cudaMemcpyHostToDevice));
  const float one = 1, zero = 0;
  float out[4];
  const auto product = [&] {
    OK(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, static_cast<float*>(a.device), 2,
                   static_cast<float*>(b.device), 2, &zero, static_cast<float*>(c.device), 2));
  };
  product();
  OK(cudaMemcpy(out, c.device, 16, cudaMemcpyDeviceToHost));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(out[i], finite[i]);
  OK(cudaMemcpy(b.device, hb, 16, cudaMemcpyHostToDevice));
  product();
  OK(cudaMemcpy(out, c.device, 16, cudaMemcpyDeviceToHost));
  EXPECT(std::isnan(out[0]) && std::isnan(out[1]) && std::isnan(out[2]) && std::isinf(out[3]));
}

struct Simple {  // f16, 16 x 8 = (32 x 16)^T (32 x 8)
  Mat a{CUDA_R_16F, false, 32, 16, 0, 1}, b{CUDA_R_16F, false, 32, 8, 0, 1}, d{CUDA_R_16F, false, 16, 8, 0, 1};
  cublasLtMatmulDesc_t op;
  cublasLtMatrixLayout_t la = a.layout(), lb = b.layout(), ld = d.layout();
  cublasLtMatmulPreference_t pref;
  float alpha = 1, beta = 0;
  Simple() {
    OK(cublasLtMatmulDescCreate(&op, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    const cublasOperation_t t = CUBLAS_OP_T;
    OK(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_TRANSA, &t, sizeof t));
    OK(cublasLtMatmulPreferenceCreate(&pref));
  }
  ~Simple() {
    for (auto l : {la, lb, ld}) cublasLtMatrixLayoutDestroy(l);
    cublasLtMatmulPreferenceDestroy(pref);
    cublasLtMatmulDescDestroy(op);
  }
  int heuristic(cublasLtMatmulHeuristicResult_t* r) {
    int count = 0;
    return cublasLtMatmulAlgoGetHeuristic(lt, op, la, lb, ld, ld, pref, 1, r, &count) == CUBLAS_STATUS_SUCCESS ? count
                                                                                                               : 0;
  }
  cublasStatus_t run(void* out, const cublasLtMatmulAlgo_t* algo = nullptr, void* w = nullptr, size_t bytes = 0,
                     cudaStream_t s = nullptr) {
    return cublasLtMatmul(lt, op, &alpha, a.device, la, b.device, lb, &beta, out, ld, out, ld, algo, w, bytes, s);
  }
};

static void refusals() {
  Simple x;
  cublasLtMatmulHeuristicResult_t r;
  EXPECT_EQ(x.heuristic(&r), 1);
  const int64_t short_ld = 31, ld = 32, wrong = 33, rows = 32;
  OK(cublasLtMatrixLayoutSetAttribute(x.la, CUBLASLT_MATRIX_LAYOUT_LD, &short_ld, sizeof short_ld));
  EXPECT_EQ(x.run(x.d.device), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(x.heuristic(&r), 0);
  OK(cublasLtMatrixLayoutSetAttribute(x.la, CUBLASLT_MATRIX_LAYOUT_LD, &ld, sizeof ld));
  EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(x.la, CUBLASLT_MATRIX_LAYOUT_LD, &ld, 4), CUBLAS_STATUS_INVALID_VALUE);
  OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_ROWS, &wrong, sizeof wrong));
  OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_LD, &wrong, sizeof wrong));
  EXPECT_EQ(x.run(x.d.device), CUBLAS_STATUS_INVALID_VALUE);  // k differs
  OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_ROWS, &rows, sizeof rows));
  OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_LD, &ld, sizeof ld));
  const int32_t two = 2, one = 1;
  OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &two, sizeof two));
  EXPECT_EQ(x.run(x.d.device), CUBLAS_STATUS_INVALID_VALUE);
  OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &one, sizeof one));
  // A bias that was never given, an algorithm that came from nowhere.
  const int32_t bias = CUBLASLT_EPILOGUE_BIAS, plain = CUBLASLT_EPILOGUE_DEFAULT;
  OK(cublasLtMatmulDescSetAttribute(x.op, CUBLASLT_MATMUL_DESC_EPILOGUE, &bias, sizeof bias));
  EXPECT_EQ(x.run(x.d.device), CUBLAS_STATUS_INVALID_VALUE);
  OK(cublasLtMatmulDescSetAttribute(x.op, CUBLASLT_MATMUL_DESC_EPILOGUE, &plain, sizeof plain));
  cublasLtMatmulAlgo_t nothing{};
  EXPECT_EQ(x.run(x.d.device, &nothing), CUBLAS_STATUS_INVALID_VALUE);
  // An algorithm chosen for aligned matrices, and a D that is not.
  char* wide;
  OK(cudaMalloc(reinterpret_cast<void**>(&wide), 16 * 8 * 2 + 16));
  EXPECT_EQ(x.heuristic(&r), 1);
  EXPECT_EQ(x.run(wide + 2, &r.algo), CUBLAS_STATUS_NOT_SUPPORTED);
  const uint32_t two_bytes = 2;
  OK(cublasLtMatmulPreferenceSetAttribute(x.pref, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &two_bytes,
                                          sizeof two_bytes));
  OK(cublasLtMatmulPreferenceSetAttribute(x.pref, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &two_bytes,
                                          sizeof two_bytes));
  EXPECT_EQ(x.heuristic(&r), 1);
  OK(x.run(wide + 2, &r.algo));
  EXPECT_EQ(x.run(wide + 1, &r.algo), CUBLAS_STATUS_NOT_SUPPORTED);
  OK(cudaFree(wide));
  // A workspace smaller than what the algorithm wants.
  const uint64_t room = 8 << 20;
  OK(cublasLtMatmulPreferenceSetAttribute(x.pref, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room));
  EXPECT_EQ(x.heuristic(&r), 1);
  EXPECT(r.workspaceSize > 0 && r.workspaceSize <= room);
  EXPECT_EQ(x.run(x.d.device, &r.algo), CUBLAS_STATUS_INVALID_VALUE);
  // Types that do not go together.
  const cudaDataType f32 = CUDA_R_32F, f16 = CUDA_R_16F;
  OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_TYPE, &f32, sizeof f32));
  EXPECT_EQ(x.run(x.d.device), CUBLAS_STATUS_NOT_SUPPORTED);
  OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_TYPE, &f16, sizeof f16));
  OK(x.run(x.d.device));
  const float one_f = 1;
  EXPECT_EQ(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one_f, nullptr, 3, nullptr, 4, &one_f, nullptr, 4),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, -1, 4, 4, &one_f, nullptr, 4, nullptr, 4, &one_f, nullptr, 4),
            CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(std::strcmp(cublasGetStatusName(CUBLAS_STATUS_NOT_SUPPORTED), "CUBLAS_STATUS_NOT_SUPPORTED"), 0);
}

// E4M3 by its definition: 4 bits of exponent (bias 7), 3 of mantissa.
static double value_of_e4m3(uint8_t code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  const double value =
      exponent ? (1 + mantissa / 8.0) * std::pow(2.0, exponent - 7) : mantissa / 8.0 * std::pow(2.0, -6);
  return code & 128 ? -value : value;
}

// D (m x n) = scale_a[i] scale_b[j] A^T B + beta C + bias, A (k x m) and B (k x n) in E4M3.
struct Fp8 {
  int m, n, k;
  cudaDataType out;
  bool with_bias;
  std::vector<uint8_t> a, b, c, bias;
  std::vector<float> scale_a, scale_b;
  uint8_t *da = nullptr, *db = nullptr, *dd = nullptr, *dbias = nullptr;
  float *dscale_a = nullptr, *dscale_b = nullptr;
  void* workspace = nullptr;
  cublasLtMatmulDesc_t op;
  cublasLtMatrixLayout_t la, lb, ld;
  cublasLtMatmulPreference_t pref;
  float alpha = 1, beta = 0;
  cudaDataType bias_type() const { return out == CUDA_R_32F ? CUDA_R_16BF : out; }

  template <class T>
  static T* upload(const std::vector<T>& v) {
    T* p;
    OK(cudaMalloc(reinterpret_cast<void**>(&p), v.size() * sizeof(T)));
    OK(cudaMemcpy(p, v.data(), v.size() * sizeof(T), cudaMemcpyHostToDevice));
    return p;
  }
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, T value) {
    OK(cublasLtMatmulDescSetAttribute(op, attribute, &value, sizeof value));
  }
  Fp8(int m_, int n_, int k_, cudaDataType out_, bool with_bias_, float beta_)
      : m(m_), n(n_), k(k_), out(out_), with_bias(with_bias_), a(size_t(m_ * k_)), b(size_t(n_ * k_)), beta(beta_) {
    for (auto* codes : {&a, &b})
      for (uint8_t& code : *codes) {
        random_value();
        code = uint8_t(g_random >> 24);
        if ((code & 127) == 127) code = 0;  // NaN
      }
    for (int i = 0; i < m; ++i) scale_a.push_back(0.001f * float(1 + i % 7));
    for (int j = 0; j < n; ++j) scale_b.push_back(0.01f / float(1 + j % 5));
    c.resize(size_t(m * n) * size_of(out));
    for (size_t i = 0; i < size_t(m * n); ++i) put(c, i, out, random_value());
    bias.resize(size_t(m) * size_of(bias_type()));
    for (size_t i = 0; i < size_t(m); ++i) put(bias, i, bias_type(), random_value());
    da = upload(a), db = upload(b), dd = upload(c), dbias = upload(bias);
    dscale_a = upload(scale_a), dscale_b = upload(scale_b);
    OK(cudaMalloc(&workspace, 4 << 20));
    OK(cublasLtMatmulDescCreate(&op, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
    set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, int32_t(CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F));
    set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, int32_t(CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F));
    set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, static_cast<const void*>(dscale_a));
    set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, static_cast<const void*>(dscale_b));
    if (with_bias) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE, int32_t(CUBLASLT_EPILOGUE_BIAS));
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(dbias));
      set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, int32_t(bias_type()));
    }
    OK(cublasLtMatrixLayoutCreate(&la, CUDA_R_8F_E4M3, k, m, k));
    OK(cublasLtMatrixLayoutCreate(&lb, CUDA_R_8F_E4M3, k, n, k));
    OK(cublasLtMatrixLayoutCreate(&ld, out, m, n, m));
    OK(cublasLtMatmulPreferenceCreate(&pref));
    const uint64_t room = 4 << 20;
    OK(cublasLtMatmulPreferenceSetAttribute(pref, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room));
  }
  Fp8(const Fp8&) = delete;
  ~Fp8() {
    for (void* p : {static_cast<void*>(da), static_cast<void*>(db), static_cast<void*>(dd), static_cast<void*>(dbias),
                    static_cast<void*>(dscale_a), static_cast<void*>(dscale_b), workspace})
      cudaFree(p);
    for (auto l : {la, lb, ld}) cublasLtMatrixLayoutDestroy(l);
    cublasLtMatmulPreferenceDestroy(pref);
    cublasLtMatmulDescDestroy(op);
  }
  cublasStatus_t run(const void* from = nullptr) {
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    const cublasStatus_t s = cublasLtMatmulAlgoGetHeuristic(lt, op, la, lb, ld, ld, pref, 1, &found, &count);
    if (s != CUBLAS_STATUS_SUCCESS) return s;
    EXPECT_EQ(count, 1);
    return cublasLtMatmul(lt, op, &alpha, da, la, from ? from : db, lb, &beta, dd, ld, dd, ld, &found.algo, workspace,
                          4 << 20, nullptr);
  }
  bool correct() {
    std::vector<uint8_t> read(c.size());
    OK(cudaMemcpy(read.data(), dd, read.size(), cudaMemcpyDeviceToHost));
    double worst = 0;
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < m; ++i) {
        double sum = 0, size = 0;
        for (int p = 0; p < k; ++p) {
          const double x = value_of_e4m3(a[size_t(i * k + p)]) * value_of_e4m3(b[size_t(j * k + p)]);
          sum += x;
          size += std::fabs(x);
        }
        const size_t at = size_t(j * m + i);
        const double scale = double(scale_a[size_t(i)]) * double(scale_b[size_t(j)]), old = get(c, at, out);
        const double want = sum * scale + beta * old + (with_bias ? get(bias, size_t(i), bias_type()) : 0);
        // f32 sums of k terms, five roundings of f32 (two scales, beta, bias, their sum), the result's own.
        const double allowed = scale * size * k * 0x1p-24 + 5 * 0x1p-24 * (scale * size + std::fabs(old) + 4) +
                               std::fabs(want) * ulp_error(out);
        const double error = std::fabs(get(read, at, out) - want) / allowed;
        if (!(error <= worst)) worst = error;
      }
    if (worst <= 1) return true;
    std::printf("e4m3, m %d n %d k %d: error %.3g of what is allowed\n", m, n, k, worst);
    return false;
  }
};

static void fp8() {
  for (cudaDataType out : {CUDA_R_32F, CUDA_R_16BF, CUDA_R_16F})
    for (bool with_bias : {false, true})
      for (float beta : {0.0f, 1.0f}) {
        Fp8 x(48, 5, 80, out, with_bias, beta);
        OK(x.run());
        OK(cudaDeviceSynchronize());
        EXPECT(x.correct());
        std::printf("(the next line must say that a scale counts)\n");
        x.scale_a[3] *= 2;
        EXPECT(!x.correct());
      }
  // What the real library asks for.
  const auto refused = [](cublasStatus_t status, auto&& change) {
    Fp8 x(32, 8, 64, CUDA_R_16BF, true, 0);
    change(x);
    EXPECT_EQ(x.run(), status);
  };
  refused(CUBLAS_STATUS_INVALID_VALUE,
          [](Fp8& x) { x.set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, static_cast<const void*>(nullptr)); });
  refused(CUBLAS_STATUS_INVALID_VALUE,
          [](Fp8& x) { x.set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, static_cast<const void*>(nullptr)); });
  refused(CUBLAS_STATUS_NOT_SUPPORTED, [](Fp8& x) {  // as NN
    x.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_N);
    OK(cublasLtMatrixLayoutDestroy(x.la));
    OK(cublasLtMatrixLayoutCreate(&x.la, CUDA_R_8F_E4M3, 32, 64, 32));
  });
  refused(CUBLAS_STATUS_NOT_SUPPORTED, [](Fp8& x) {  // k of 56
    const uint64_t rows = 56;
    OK(cublasLtMatrixLayoutSetAttribute(x.la, CUBLASLT_MATRIX_LAYOUT_ROWS, &rows, sizeof rows));
    OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_ROWS, &rows, sizeof rows));
  });
  refused(CUBLAS_STATUS_NOT_SUPPORTED, [](Fp8& x) {  // rows that begin anywhere
    const int64_t ld = 65;
    OK(cublasLtMatrixLayoutSetAttribute(x.lb, CUBLASLT_MATRIX_LAYOUT_LD, &ld, sizeof ld));
  });
  refused(CUBLAS_STATUS_NOT_SUPPORTED, [](Fp8& x) { x.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, int32_t(CUDA_R_32F)); });
  refused(CUBLAS_STATUS_NOT_SUPPORTED, [](Fp8& x) {
    const uint32_t eight = 8;
    OK(cublasLtMatmulPreferenceSetAttribute(x.pref, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &eight, sizeof eight));
  });
  Fp8 x(32, 8, 64, CUDA_R_16BF, true, 0);
  EXPECT_EQ(x.run(x.db + 8), CUBLAS_STATUS_NOT_SUPPORTED);
}

// On other devices, and for other types.
static void no_fp8() {
  Fp8 x(32, 8, 64, CUDA_R_16BF, true, 0);
  EXPECT_EQ(x.run(), CUBLAS_STATUS_NOT_SUPPORTED);
  Simple y;
  const void* scale = x.dscale_a;
  OK(cublasLtMatmulDescSetAttribute(y.op, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &scale, sizeof scale));
  EXPECT_EQ(y.run(y.d.device), CUBLAS_STATUS_INVALID_VALUE);
}

// A captured product runs when its graph is launched, each time.
static void captured() {
  Mat a(CUDA_R_32F, false, 4, 4, 0, 1), b(CUDA_R_32F, false, 4, 4, 0, 1), c(CUDA_R_32F, false, 4, 4, 0, 1);
  std::vector<float> zeros(16), out(16), first(16);
  OK(cudaMemcpy(c.device, zeros.data(), 64, cudaMemcpyHostToDevice));
  cudaStream_t s;
  OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  OK(cublasSetStream(blas, s));
  const float one = 1;
  OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal));
  OK(cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one, static_cast<float*>(a.device), 4,
                 static_cast<float*>(b.device), 4, &one, static_cast<float*>(c.device), 4));
  cudaGraph_t g;
  OK(cudaStreamEndCapture(s, &g));
  cudaGraphExec_t e;
  OK(cudaGraphInstantiate(&e, g, 0));
  OK(cudaMemcpy(out.data(), c.device, 64, cudaMemcpyDeviceToHost));
  EXPECT(out == zeros);
  for (int i = 1; i <= 3; ++i) {
    OK(cudaGraphLaunch(e, s));
    OK(cudaStreamSynchronize(s));
    OK(cudaMemcpy(out.data(), c.device, 64, cudaMemcpyDeviceToHost));
    if (i == 1) first = out;
    for (int j = 0; j < 16; ++j) EXPECT(std::fabs(out[j] - i * first[j]) <= 1e-5 && (i > 1 || first[j] != 0));
  }
  OK(cublasSetStream(blas, nullptr));
  OK(cudaGraphExecDestroy(e));
  OK(cudaGraphDestroy(g));
  OK(cudaStreamDestroy(s));
}

int main(int argc, char** argv) {
  OK(cublasLtCreate(&lt));
  OK(cublasCreate(&blas));
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "outside") {
    Simple x;
    x.run(static_cast<char*>(x.d.device) + 16);
  } else if (what == "freed") {
    Simple x;
    cudaStream_t s;
    cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
    x.run(x.d.device, nullptr, nullptr, 0, s);
    cudaFreeAsync(x.a.device, nullptr);  // the other stream still needs it
    cudaStreamSynchronize(nullptr);
    x.a.device = nullptr;
    cudaStreamSynchronize(s);
    cudaStreamDestroy(s);
  } else if (what == "attribute") {
    Simple x;
    const void* largest = x.a.device;
    EXPECT_EQ(cublasLtMatmulDescSetAttribute(x.op, CUBLASLT_MATMUL_DESC_AMAX_D_POINTER, &largest, sizeof largest),
              CUBLAS_STATUS_NOT_SUPPORTED);
  } else if (what == "call") {
    const double one = 1;
    EXPECT_EQ(cublasDgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, nullptr, 1, nullptr, 1, &one, nullptr, 1),
              CUBLAS_STATUS_NOT_SUPPORTED);
  } else if (what == "fp8") {
    fp8();
  } else if (what == "no_fp8") {
    no_fp8();
  } else if (what == "fp8_mode") {
    Fp8 x(32, 8, 64, CUDA_R_16BF, false, 0);
    x.set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, int32_t(CUBLASLT_MATMUL_MATRIX_SCALE_SCALAR_32F));
    EXPECT_EQ(x.run(), CUBLAS_STATUS_NOT_SUPPORTED);
  } else {
    products();
    classic();
    special_values();
    refusals();
    captured();
  }
  OK(cublasDestroy(blas));
  OK(cublasLtDestroy(lt));
  return finish("gemm");
}
