// The smallest end-to-end program: y = a + b, printf and a __device__ variable.
#include <cstdio>
#include <vector>

__device__ int g_count = 3;
__constant__ float g_scale[2];

__global__ void add(const float* a, const float* b, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = (a[i] + b[i]) * g_scale[1];
  if (i == 0) {
    printf("hello from thread %d, %s %.2f\n", i, "scale", g_scale[1]);
    atomicAdd(&g_count, 4);
  }
}

int main() {
  const int n = 1000;
  std::vector<float> a(n), b(n), y(n);
  for (int i = 0; i < n; ++i) a[i] = float(i), b[i] = 2.0f * float(i);
  float *da, *db, *dy;
  cudaMalloc(&da, n * 4);
  cudaMalloc(&db, n * 4);
  cudaMalloc(&dy, n * 4);
  cudaMemcpy(da, a.data(), n * 4, cudaMemcpyHostToDevice);
  cudaMemcpy(db, b.data(), n * 4, cudaMemcpyHostToDevice);
  const float scale[2] = {1, 0.5f};
  cudaMemcpyToSymbol(g_scale, scale, sizeof scale);
  add<<<(n + 127) / 128, 128>>>(da, db, dy, n);
  cudaMemcpy(y.data(), dy, n * 4, cudaMemcpyDeviceToHost);
  int count = 0, bad = 0;
  cudaMemcpyFromSymbol(&count, g_count, 4);
  for (int i = 0; i < n; ++i) bad += y[i] != 1.5f * float(i);
  cudaFree(da);
  cudaFree(db);
  cudaFree(dy);
  std::printf("bad %d count %d error %s\n", bad, count, cudaGetErrorString(cudaGetLastError()));
  return bad != 0 || count != 7;
}
