// Layer norm of 197 x 768, one block per row, checked against double arithmetic.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "../kernel_parts.h"

__global__ void layer_norm(const float* x, const float* g, const float* b, float* y, int d) {
  const size_t row = size_t(blockIdx.x) * d;
  layer_norm_row(x + row, g, b, d, blockDim.x, [&](int i, float v) { y[row + i] = v; });
}

// An argument is a limit for the best launch, in milliseconds of processor time.
int main(int argc, char** argv) {
  const double limit = argc > 1 ? std::atof(argv[1]) : 0;
  const int n = 197, d = 768;
  std::vector<float> x(n * d), g(d), b(d), y(n * d);
  for (int i = 0; i < n * d; ++i) x[i] = std::sin(i * 0.37f) + 0.1f * float(i % 7);
  for (int i = 0; i < d; ++i) g[i] = 1 + 0.01f * i, b[i] = 0.5f - 0.001f * i;
  float *dx, *dg, *db, *dy;
  cudaMalloc(&dx, n * d * 4);
  cudaMalloc(&dg, d * 4);
  cudaMalloc(&db, d * 4);
  cudaMalloc(&dy, n * d * 4);
  cudaMemcpy(dx, x.data(), n * d * 4, cudaMemcpyHostToDevice);
  cudaMemcpy(dg, g.data(), d * 4, cudaMemcpyHostToDevice);
  cudaMemcpy(db, b.data(), d * 4, cudaMemcpyHostToDevice);
  double best = 1e9, processor = 1e9;
  for (int k = 0; k < 20; ++k) {
    const auto t = std::chrono::steady_clock::now();
    const std::clock_t used = std::clock();
    layer_norm<<<n, 256>>>(dx, dg, db, dy, d);
    cudaDeviceSynchronize();
    best = std::fmin(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - t).count());
    processor = std::fmin(processor, 1e3 * double(std::clock() - used) / CLOCKS_PER_SEC);
  }
  cudaMemcpy(y.data(), dy, n * d * 4, cudaMemcpyDeviceToHost);
  double worst = 0;
  for (int r = 0; r < n; ++r) {
    double s = 0, q = 0;
    for (int i = 0; i < d; ++i) s += x[r * d + i];
    s /= d;
    for (int i = 0; i < d; ++i) q += (x[r * d + i] - s) * (x[r * d + i] - s);
    const double inv = 1 / std::sqrt(q / d + 1e-5);
    for (int i = 0; i < d; ++i) {
      const double e = std::fabs((x[r * d + i] - s) * inv * g[i] + b[i] - y[r * d + i]);
      if (!(e <= worst)) worst = e;
    }
  }
  std::printf("layer_norm: error %.3g, best %.2f ms, %.2f ms of processor time\n", worst, best, processor);
  cudaFree(dx);
  cudaFree(dg);
  cudaFree(db);
  cudaFree(dy);
  if (limit > 0 && processor >= limit) std::printf("layer_norm: that is more than the limit of %g ms.\n", limit);
  return !(worst < 2e-5 && (limit == 0 || processor < limit));
}
