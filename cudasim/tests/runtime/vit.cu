// A ViT-B/16 forward: 12 blocks of layer norm, GEMMs of cublasLt, attention, GELU. Timed; one block is checked against
// double arithmetic.
#include <cublasLt.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "../kernel_parts.h"
#include "check.h"

constexpr int kTokens = 197, kWidth = 768, kHeads = 12, kHead = 64, kMlp = 3072, kBlocks = 12;

// One block per token.
__global__ void layer_norm(const float* x, const float* g, const float* b, __half* y) {
  const size_t row = size_t(blockIdx.x) * kWidth;
  layer_norm_row(x + row, g, b, kWidth, 256, [&](int i, float v) { y[row + i] = __float2half(v); });
}

// Flash attention: a block takes 64 queries of a head, a warp 16 of them; keys in tiles of 64.
__global__ void __launch_bounds__(128) attention(const __half* qkv, __half* out) {
  constexpr int kPad = kHead + 8, kRow = 3 * kWidth;
  __shared__ __half q[64 * kPad], k[64 * kPad], v[64 * kPad];
  const int head = blockIdx.y, first = blockIdx.x * 64, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const auto fetch = [&](__half* tile, int from, int part) {
    for (int i = threadIdx.x; i < 64 * 8; i += 128) {
      const int row = i / 8, col = i % 8 * 8;
      const int4 zero = make_int4(0, 0, 0, 0);
      *reinterpret_cast<int4*>(tile + row * kPad + col) =
          from + row < kTokens
              ? *reinterpret_cast<const int4*>(qkv + size_t(from + row) * kRow + part * kWidth + head * kHead + col)
              : zero;
    }
  };
  fetch(q, first, 0);
  __syncthreads();
  unsigned qf[4][4];
  for (int s = 0; s < 4; ++s) ldmatrix4(qf[s], q + (warp * 16 + lane % 16) * kPad + s * 16 + lane / 16 * 8);
  float o[8][4] = {}, high[2] = {-INFINITY, -INFINITY}, sum[2] = {};
  const float scale = 0.125f * 1.44269504f;
  for (int from = 0; from < kTokens; from += 64) {
    __syncthreads();
    fetch(k, from, 1);
    fetch(v, from, 2);
    __syncthreads();
    float c[8][4] = {};
    for (int n = 0; n < 8; n += 2)
      for (int s = 0; s < 4; ++s) {
        unsigned kf[4];  // keys n*8.. and (n+1)*8.., both halves of the 16 values
        ldmatrix4(kf, k + (n * 8 + lane % 8 + lane / 16 * 8) * kPad + s * 16 + lane / 8 % 2 * 8);
        mma(c[n], qf[s], kf);
        mma(c[n + 1], qf[s], kf + 2);
      }
    float top[2] = {high[0], high[1]};
    for (int n = 0; n < 8; ++n)
      for (int i = 0; i < 4; ++i) {
        if (from + n * 8 + lane % 4 * 2 + i % 2 >= kTokens) c[n][i] = -INFINITY;
        top[i / 2] = fmaxf(top[i / 2], c[n][i]);
      }
    for (int r = 0; r < 2; ++r) {
      top[r] = fmaxf(top[r], __shfl_xor_sync(~0u, top[r], 1));
      top[r] = fmaxf(top[r], __shfl_xor_sync(~0u, top[r], 2));
      const float shrink = exp2f((high[r] - top[r]) * scale);
      sum[r] *= shrink;
      for (int n = 0; n < 8; ++n) {
        o[n][2 * r] *= shrink;
        o[n][2 * r + 1] *= shrink;
      }
      high[r] = top[r];
    }
    for (int n = 0; n < 8; ++n)
      for (int i = 0; i < 4; ++i) {
        c[n][i] = exp2f((c[n][i] - high[i / 2]) * scale);
        sum[i / 2] += c[n][i];
      }
    for (int s = 0; s < 4; ++s) {
      const unsigned p[4] = {pack(c[2 * s][0], c[2 * s][1]), pack(c[2 * s][2], c[2 * s][3]),
                             pack(c[2 * s + 1][0], c[2 * s + 1][1]), pack(c[2 * s + 1][2], c[2 * s + 1][3])};
      for (int n = 0; n < 8; n += 2) {
        unsigned vf[4];
        ldmatrix4_trans(vf, v + (s * 16 + lane % 16) * kPad + n * 8 + lane / 16 * 8);
        mma(o[n], p, vf);
        mma(o[n + 1], p, vf + 2);
      }
    }
  }
  for (int r = 0; r < 2; ++r) {
    sum[r] += __shfl_xor_sync(~0u, sum[r], 1);
    sum[r] += __shfl_xor_sync(~0u, sum[r], 2);
    const int token = first + warp * 16 + lane / 4 + r * 8;
    if (token >= kTokens) continue;
    for (int n = 0; n < 8; ++n)
      *reinterpret_cast<unsigned*>(out + size_t(token) * kWidth + head * kHead + n * 8 + lane % 4 * 2) =
          pack(o[n][2 * r] / sum[r], o[n][2 * r + 1] / sum[r]);
  }
}

static float noise(uint32_t i) {
  i = (i ^ 61) ^ (i >> 16);
  i *= 9;
  i ^= i >> 4;
  i *= 0x27d4eb2d;
  i ^= i >> 15;
  return float(i) / 2147483648.0f - 1;
}

// y (rows of `out` values) = x (rows of `in`) W^T + bias: in cuBLAS's columns, y = W^T x.
struct Linear {
  int in, out;
  cudaDataType to;
  std::vector<__half> w;
  std::vector<float> bias;
  __half* dw = nullptr;
  void* db = nullptr;
  cublasLtMatmulDesc_t op;
  cublasLtMatrixLayout_t lw, lx, ly;
  cublasLtMatmulHeuristicResult_t best;

  Linear(cublasLtHandle_t lt, int in_, int out_, cudaDataType to_, cublasLtEpilogue_t epilogue, uint32_t seed)
      : in(in_), out(out_), to(to_), w(size_t(in_) * out_), bias(out_) {
    for (size_t i = 0; i < w.size(); ++i) w[i] = __float2half(noise(uint32_t(i) + seed) * 1.5f / std::sqrt(float(in)));
    for (int i = 0; i < out; ++i) bias[i] = __half2float(__float2half(noise(uint32_t(i) * 7 + seed) * 0.1f));
    OK(cudaMalloc(&dw, w.size() * 2));
    OK(cudaMemcpy(dw, w.data(), w.size() * 2, cudaMemcpyHostToDevice));
    std::vector<__half> half(out);
    for (int i = 0; i < out; ++i) half[i] = __float2half(bias[i]);
    const size_t bytes = size_t(out) * (to == CUDA_R_32F ? 4 : 2);
    OK(cudaMalloc(&db, bytes));
    OK(cudaMemcpy(db, to == CUDA_R_32F ? static_cast<const void*>(bias.data()) : half.data(), bytes,
                  cudaMemcpyHostToDevice));
    OK(cublasLtMatmulDescCreate(&op, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    const cublasOperation_t t = CUBLAS_OP_T;
    OK(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_TRANSA, &t, sizeof t));
    OK(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    OK(cublasLtMatmulDescSetAttribute(op, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &db, sizeof db));
    OK(cublasLtMatrixLayoutCreate(&lw, CUDA_R_16F, in, out, in));
    OK(cublasLtMatrixLayoutCreate(&lx, CUDA_R_16F, in, kTokens, in));
    OK(cublasLtMatrixLayoutCreate(&ly, to, out, kTokens, out));
    cublasLtMatmulPreference_t pref;
    OK(cublasLtMatmulPreferenceCreate(&pref));
    int count = 0;
    OK(cublasLtMatmulAlgoGetHeuristic(lt, op, lw, lx, ly, ly, pref, 1, &best, &count));
    EXPECT_EQ(count, 1);
    OK(cublasLtMatmulPreferenceDestroy(pref));
  }
  void run(cublasLtHandle_t lt, const __half* x, void* y, float beta, cudaStream_t s) const {
    const float one = 1;
    OK(cublasLtMatmul(lt, op, &one, dw, lw, x, lx, &beta, y, ly, y, ly, &best.algo, nullptr, 0, s));
  }
  double apply(const double* x, int o) const {
    double sum = bias[o];
    for (int i = 0; i < in; ++i) sum += double(__half2float(w[size_t(o) * in + i])) * x[i];
    return sum;
  }
  void release() {
    OK(cudaFree(dw));
    OK(cudaFree(db));
    for (auto l : {lw, lx, ly}) OK(cublasLtMatrixLayoutDestroy(l));
    OK(cublasLtMatmulDescDestroy(op));
  }
};

// The first block in double, without the f16 in between, for some tokens.
static double worst_error(const std::vector<float>& x, const std::vector<float>& y, const Linear& qkv,
                          const Linear& proj, const Linear& up, const Linear& down) {
  const auto norm = [](const double* row) {
    double s = 0, q = 0;
    for (int i = 0; i < kWidth; ++i) s += row[i];
    s /= kWidth;
    for (int i = 0; i < kWidth; ++i) q += (row[i] - s) * (row[i] - s);
    std::vector<double> n(kWidth);
    for (int i = 0; i < kWidth; ++i) n[i] = (row[i] - s) / std::sqrt(q / kWidth + 1e-5);
    return n;
  };
  std::vector<double> wide(x.begin(), x.end()), keys(size_t(kTokens) * 2 * kWidth);
  for (int t = 0; t < kTokens; ++t) {
    const std::vector<double> n = norm(&wide[size_t(t) * kWidth]);
    for (int i = 0; i < 2 * kWidth; ++i) keys[size_t(t) * 2 * kWidth + i] = qkv.apply(n.data(), kWidth + i);
  }
  double worst = 0;
  for (int t : {0, 15, 16, 63, 64, 130, 191, 192, 196}) {
    const std::vector<double> n = norm(&wide[size_t(t) * kWidth]);
    std::vector<double> mixed(kWidth), row(kWidth), hidden(kMlp);
    for (int h = 0; h < kHeads; ++h) {
      double q[kHead], weight[kTokens], total = 0;
      for (int i = 0; i < kHead; ++i) q[i] = qkv.apply(n.data(), h * kHead + i);
      for (int j = 0; j < kTokens; ++j) {
        double s = 0;
        for (int i = 0; i < kHead; ++i) s += q[i] * keys[size_t(j) * 2 * kWidth + h * kHead + i];
        total += weight[j] = std::exp(s / 8);
      }
      for (int i = 0; i < kHead; ++i) {
        double s = 0;
        for (int j = 0; j < kTokens; ++j) s += weight[j] * keys[size_t(j) * 2 * kWidth + kWidth + h * kHead + i];
        mixed[h * kHead + i] = s / total;
      }
    }
    for (int i = 0; i < kWidth; ++i) row[i] = wide[size_t(t) * kWidth + i] + proj.apply(mixed.data(), i);
    const std::vector<double> m = norm(row.data());
    for (int i = 0; i < kMlp; ++i) {
      const double v = up.apply(m.data(), i);
      hidden[i] = 0.5 * v * (1 + std::tanh(0.79788456080286536 * (v + 0.044715 * v * v * v)));
    }
    for (int i = 0; i < kWidth; ++i) {
      const double e = std::fabs(row[i] + down.apply(hidden.data(), i) - y[size_t(t) * kWidth + i]);
      if (!(e <= worst)) worst = e;
    }
  }
  return worst;
}

int main(int argc, char** argv) {
  const double limit = argc > 1 ? std::atof(argv[1])
                                : 0;  // seconds of processor time, which other load does not change; 0: only reported
  cublasLtHandle_t lt;
  OK(cublasLtCreate(&lt));
  cudaStream_t s;
  OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  const size_t n = size_t(kTokens) * kWidth;
  std::vector<float> x(n), y(n), ones(kWidth, 1), zeros(kWidth, 0);
  for (size_t i = 0; i < n; ++i) x[i] = noise(uint32_t(i) * 3 + 1);
  float *dx, *dg, *db;
  __half *normed, *dqkv, *mixed, *hidden;
  OK(cudaMalloc(&dx, n * 4));
  OK(cudaMalloc(&dg, kWidth * 4));
  OK(cudaMalloc(&db, kWidth * 4));
  OK(cudaMalloc(&normed, n * 2));
  OK(cudaMalloc(&dqkv, n * 6));
  OK(cudaMalloc(&mixed, n * 2));
  OK(cudaMalloc(&hidden, size_t(kTokens) * kMlp * 2));
  OK(cudaMemcpy(dx, x.data(), n * 4, cudaMemcpyHostToDevice));
  OK(cudaMemcpy(dg, ones.data(), kWidth * 4, cudaMemcpyHostToDevice));
  OK(cudaMemcpy(db, zeros.data(), kWidth * 4, cudaMemcpyHostToDevice));
  // The blocks share their weights: the arithmetic is that of 12 sets.
  Linear qkv(lt, kWidth, 3 * kWidth, CUDA_R_16F, CUBLASLT_EPILOGUE_BIAS, 11),
      proj(lt, kWidth, kWidth, CUDA_R_32F, CUBLASLT_EPILOGUE_BIAS, 22);
  Linear up(lt, kWidth, kMlp, CUDA_R_16F, CUBLASLT_EPILOGUE_GELU_BIAS, 33),
      down(lt, kMlp, kWidth, CUDA_R_32F, CUBLASLT_EPILOGUE_BIAS, 44);
  OK(cudaDeviceSynchronize());  // copies from pageable memory end late, and `s` does not wait for them
  const auto block = [&] {
    layer_norm<<<kTokens, 256, 0, s>>>(dx, dg, db, normed);
    qkv.run(lt, normed, dqkv, 0, s);
    attention<<<dim3((kTokens + 63) / 64, kHeads), 128, 0, s>>>(dqkv, mixed);
    proj.run(lt, mixed, dx, 1, s);
    layer_norm<<<kTokens, 256, 0, s>>>(dx, dg, db, normed);
    up.run(lt, normed, hidden, 0, s);
    down.run(lt, hidden, dx, 1, s);
  };
  double best = 1e9, processor = 1e9;
  for (int round = 0; round < 2; ++round) {
    OK(cudaMemcpyAsync(dx, x.data(), n * 4, cudaMemcpyHostToDevice, s));
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t used = std::clock();
    for (int i = 0; i < kBlocks; ++i) {
      block();
      if (round || i) continue;
      OK(cudaStreamSynchronize(s));
      OK(cudaMemcpy(y.data(), dx, n * 4, cudaMemcpyDeviceToHost));
    }
    OK(cudaStreamSynchronize(s));
    best = std::fmin(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    processor = std::fmin(processor, double(std::clock() - used) / CLOCKS_PER_SEC);
  }
  const double error = worst_error(x, y, qkv, proj, up, down);
  std::printf("vit: a forward of %d blocks in %.2f s (%.2f s of processor time), error of the first block %.3g\n",
              kBlocks, best, processor, error);
  EXPECT(error < 5e-3);  // f16 between the steps; values reach about 4
  OK(cudaMemcpy(y.data(), dx, n * 4, cudaMemcpyDeviceToHost));
  int bad = 0;
  for (float v : y) bad += !(std::fabs(v) < 1e4f);
  EXPECT_EQ(bad, 0);
  if (limit > 0) EXPECT(processor < limit);
  for (Linear* l : {&qkv, &proj, &up, &down}) l->release();
  for (void* p : {static_cast<void*>(dx), static_cast<void*>(dg), static_cast<void*>(db), static_cast<void*>(normed),
                  static_cast<void*>(dqkv), static_cast<void*>(mixed), static_cast<void*>(hidden)})
    OK(cudaFree(p));
  OK(cudaStreamDestroy(s));
  OK(cublasLtDestroy(lt));
  return finish("vit");
}
