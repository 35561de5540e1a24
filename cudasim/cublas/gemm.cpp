#include "cublas/gemm.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "cublas/host_gemm.h"
#include "cublas/number.h"
#include "runtime/library.h"

namespace cudasim_blas {

int64_t Matrix::elements() const {
  if (rows == 0 || cols == 0 || batch == 0) return 0;
  const int64_t one = row_order ? (rows - 1) * ld + cols : (cols - 1) * ld + rows;
  return (batch - 1) * stride + one;
}

cublasStatus_t refuse(cublasStatus_t status, const char* call, const std::string& sentence) {
  std::fprintf(stderr, "cudasim: %s: %s\n", call, sentence.c_str());
  return status;
}

cublasStatus_t unsupported(const char* call, const std::string& what) {
  cudasimUnsupported((std::string(call) + ": " + what +
                      " is not supported by cudasim; the program has to do without it when it runs here.")
                         .c_str());
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

static std::string by(int64_t rows, int64_t cols) {
  return std::to_string(rows) + " x " + std::to_string(cols);
}

std::string shape_fault(const Gemm& g) {
  const struct {
    const char* name;
    const Matrix& m;
  } all[] = {{"A", g.a}, {"B", g.b}, {"C", g.c}, {"D", g.d}};
  for (const auto& [name, m] : all) {
    const int64_t least = m.row_order ? m.cols : m.rows;
    if (m.rows < 0 || m.cols < 0) return std::string("matrix ") + name + " has a negative size.";
    if (m.ld < least || m.ld < 1)
      return std::string("the leading dimension of ") + name + " is " + std::to_string(m.ld) + ", less than its " +
             std::to_string(least) + (m.row_order ? " columns." : " rows.");
    if (m.batch != g.d.batch)
      return std::string(name) + " has a batch of " + std::to_string(m.batch) + ", D has " + std::to_string(g.d.batch) +
             ".";
    if (m.stride < 0) return std::string("the batch stride of ") + name + " is negative.";
  }
  const int64_t am = g.trans_a ? g.a.cols : g.a.rows, ak = g.trans_a ? g.a.rows : g.a.cols;
  const int64_t bk = g.trans_b ? g.b.cols : g.b.rows, bn = g.trans_b ? g.b.rows : g.b.cols;
  if (am != g.m() || bn != g.n() || ak != bk)
    return "op(A) of " + by(am, ak) + " times op(B) of " + by(bk, bn) + " is not a D of " + by(g.m(), g.n()) + ".";
  if (g.c.rows != g.d.rows || g.c.cols != g.d.cols || g.c.row_order != g.d.row_order)
    return "C of " + by(g.c.rows, g.c.cols) + " and D of " + by(g.d.rows, g.d.cols) + " differ in size or order.";
  if (g.pd && g.pc == g.pd && (g.c.ld != g.d.ld || (g.d.batch > 1 && g.c.stride != g.d.stride)))
    return "C and D are one matrix in memory but differ in leading dimension or batch stride.";
  Matrix one = g.d;
  one.batch = 1;
  if (g.d.batch > 1 && g.d.stride < one.elements())
    return "the matrices of D's batch overlap: their stride is " + std::to_string(g.d.stride) + ", one spans " +
           std::to_string(one.elements()) + " elements.";
  return {};
}

std::string type_fault(const Gemm& g) {
  if (g.a.type == CUDA_R_8F_E4M3 && g.b.type == g.a.type && g.c.type == g.d.type && element_bytes(g.d.type) > 1)
    return {};
  const bool known = element_bytes(g.a.type) > 1 && g.a.type == g.b.type && element_bytes(g.d.type) &&
                     g.c.type == g.d.type && (g.d.type == g.a.type || g.d.type == CUDA_R_32F);
  if (known) return {};
  return std::string("the types A ") + type_name(g.a.type) + ", B " + type_name(g.b.type) + ", C " +
         type_name(g.c.type) + ", D " + type_name(g.d.type) +
         " are not supported together (A and B f32, f16 or bf16 alike, C and D of that type or f32; or A and B e4m3, C "
         "and D "
         "f32, f16 or bf16).";
}

namespace {

constexpr size_t kWorkspaceWritten = 1 << 20;

struct Places {
  const void *a, *b, *c;
  void* d;
  const void* bias;
  const float *alpha, *beta, *scale_a, *scale_b;
  void* workspace;
};

bool find_places(const Gemm& g, Places* p) {
  const auto bytes = [&](const void* pointer, const Matrix& m, const char* name) -> void* {
    return cudasimBytes(pointer, size_t(m.elements()) * element_bytes(m.type), g.call, name);
  };
  *p = Places{};
  if (g.k() > 0) {
    if (!(p->a = bytes(g.pa, g.a, "matrix A"))) return false;
    if (!(p->b = bytes(g.pb, g.b, "matrix B"))) return false;
  }
  if ((g.beta != 0 || g.device_beta) && !(p->c = bytes(g.pc, g.c, "matrix C"))) return false;
  if (!(p->d = bytes(g.pd, g.d, "matrix D"))) return false;
  if (g.bias &&
      !(p->bias = cudasimBytes(g.pbias, size_t((g.d.batch - 1) * g.bias_stride + g.m()) * element_bytes(g.bias_type),
                               g.call, "bias")))
    return false;
  const auto scales = [&g](const float* pointer, int64_t count, const char* name) {
    return static_cast<const float*>(cudasimBytes(pointer, size_t(count) * sizeof(float), g.call, name));
  };
  if (g.scale_a && !(p->scale_a = scales(g.scale_a, g.m(), "scales of A"))) return false;
  if (g.scale_b && !(p->scale_b = scales(g.scale_b, g.n(), "scales of B"))) return false;
  if (g.device_alpha && !(p->alpha = static_cast<const float*>(cudasimBytes(g.device_alpha, 4, g.call, "alpha"))))
    return false;
  if (g.device_beta && !(p->beta = static_cast<const float*>(cudasimBytes(g.device_beta, 4, g.call, "beta"))))
    return false;
  if (g.workspace_bytes && !(p->workspace = cudasimBytes(g.workspace, g.workspace_bytes, g.call, "workspace")))
    return false;
  return true;
}

float rounded(float f, Rounding r) {
  switch (r) {
    case Rounding::kTf32: return bits_to_float(round_bits(f, 13));
    case Rounding::kBfloat: return bits_to_float(round_bits(f, 16));
    case Rounding::kHalf: return float(static_cast<_Float16>(f));
    default: return f;
  }
}

// Lines of a matrix (columns, or rows in row order) as packed f32.
void unpack(const Matrix& m, const void* p, int64_t batch, Rounding r, std::vector<float>& out) {
  const int64_t lines = m.row_order ? m.rows : m.cols, length = m.row_order ? m.cols : m.rows;
  out.resize(size_t(lines * length));
  for (int64_t j = 0; j < lines; ++j) {
    const size_t from = size_t(batch * m.stride + j * m.ld);
    float* to = out.data() + j * length;
    if (m.type == CUDA_R_32F && r == Rounding::kNone)
      std::memcpy(to, static_cast<const float*>(p) + from, size_t(length) * 4);
    else
      for (int64_t i = 0; i < length; ++i) to[i] = rounded(load(p, from + size_t(i), m.type), r);
  }
}

// The tanh form, which is the one that cuBLASLt computes.
float gelu(float x) {
  return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
}

void finish(const Gemm& g, const Places& p, int64_t batch, float beta, const std::vector<float>& product) {
  const auto at = [batch](const Matrix& m, int64_t i, int64_t j) {
    return size_t(batch * m.stride + (m.row_order ? i * m.ld + j : j * m.ld + i));
  };
  for (int64_t j = 0; j < g.n(); ++j)
    for (int64_t i = 0; i < g.m(); ++i) {
      float v = product[size_t(j * g.m() + i)];
      if (p.scale_a) v *= p.scale_a[i] * p.scale_b[j];
      if (beta != 0) v += beta * load(p.c, at(g.c, i, j), g.c.type);
      if (g.bias) v += load(p.bias, size_t(batch * g.bias_stride + i), g.bias_type);
      if (g.relu) v = v < 0 ? 0 : v;  // NaN stays
      if (g.gelu) v = gelu(v);
      store(p.d, at(g.d, i, j), g.d.type, v);
    }
}

cudaError_t run(const void* data) {
  const Gemm& g = *static_cast<const Gemm*>(data);
  Places p;
  if (!find_places(g, &p)) return cudaErrorIllegalAddress;
  // The real library writes to its workspace; whoever relies on what was there sees NaN.
  if (p.workspace) std::memset(p.workspace, 0xFF, std::min(g.workspace_bytes, kWorkspaceWritten));
  const float alpha = p.alpha ? *p.alpha : g.alpha, beta = p.beta ? *p.beta : g.beta;
  std::vector<float> a, b, product(size_t(g.m() * g.n()));
  for (int64_t i = 0; i < g.d.batch; ++i) {
    if (g.k() > 0) {
      if (i == 0 || g.a.stride) unpack(g.a, p.a, i, g.rounding, a);
      if (i == 0 || g.b.stride) unpack(g.b, p.b, i, g.rounding, b);
      // A matrix in row order is the transposed one in column order.
      host_gemm(g.trans_a != g.a.row_order, g.trans_b != g.b.row_order, g.m(), g.n(), g.k(), alpha, a.data(),
                g.a.row_order ? g.a.cols : g.a.rows, b.data(), g.b.row_order ? g.b.cols : g.b.rows, product.data());
    }
    finish(g, p, i, beta, product);
  }
  return cudaSuccess;
}

}  // namespace

cublasStatus_t enqueue_gemm(const Gemm& g, cudaStream_t stream) {
  if (g.m() == 0 || g.n() == 0 || g.d.batch == 0) return CUBLAS_STATUS_SUCCESS;
  Places p;
  if (!find_places(g, &p)) return CUBLAS_STATUS_EXECUTION_FAILED;
  const auto destroy = [](const void* data) { delete static_cast<const Gemm*>(data); };
  const cudaError_t e = cudasimEnqueue(stream, g.call, run, destroy, new Gemm(g));
  return e == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // namespace cudasim_blas
