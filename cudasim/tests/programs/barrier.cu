// Barriers of CUDA's own libraries: cuda::barrier (mbarrier objects) between warps that produce and warps that consume,
// and the grid barrier of cooperative groups.
#include <cooperative_groups.h>
#include <cuda/barrier>

#include <cstdio>

constexpr int kTiles = 5, kHalf = 64;
using Barrier = cuda::barrier<cuda::thread_scope_block>;

// The first half of the block fills two buffers in turn, the second half adds them up.
__global__ void pipeline(const int* x, int* y) {
  __shared__ int tile[2][kHalf];
  __shared__ alignas(Barrier) char storage[4][sizeof(Barrier)];
  Barrier *full = reinterpret_cast<Barrier*>(storage), *empty = full + 2;
  if (threadIdx.x == 0)
    for (int b = 0; b < 2; ++b) {
      init(&full[b], 2 * kHalf);
      init(&empty[b], 2 * kHalf);
    }
  __syncthreads();
  const int i = threadIdx.x % kHalf;
  if (threadIdx.x < kHalf) {
    for (int t = 0; t < kTiles; ++t) {
      empty[t % 2].arrive_and_wait();
      tile[t % 2][i] = x[t * kHalf + i];
      (void)full[t % 2].arrive();
    }
  } else {
    int sum = 0;
    (void)empty[0].arrive();
    (void)empty[1].arrive();
    for (int t = 0; t < kTiles; ++t) {
      full[t % 2].arrive_and_wait();
      sum += tile[t % 2][kHalf - 1 - i];
      (void)empty[t % 2].arrive();
    }
    y[i] = sum;
  }
}

// Each round reads what the neighbouring block wrote in the one before.
__global__ void rounds(int* a, int* b, int n) {
  const int blocks = gridDim.x, next = (blockIdx.x + 1) % blocks;
  for (int k = 0; k < n; ++k) {
    b[blockIdx.x * 32 + threadIdx.x] = a[next * 32 + threadIdx.x] + 1;
    cooperative_groups::this_grid().sync();
    int* t = a;
    a = b;
    b = t;
  }
}

int main() {
  int *x, *y, h[kTiles * kHalf], sums[kHalf], failed = 0;
  for (int i = 0; i < kTiles * kHalf; ++i) h[i] = i * i;
  cudaMalloc(&x, sizeof h);
  cudaMalloc(&y, sizeof h);
  cudaMemcpy(x, h, sizeof h, cudaMemcpyHostToDevice);
  pipeline<<<1, 2 * kHalf>>>(x, y);
  cudaMemcpy(sums, y, sizeof sums, cudaMemcpyDeviceToHost);
  for (int i = 0; i < kHalf; ++i) {
    int want = 0;
    for (int t = 0; t < kTiles; ++t) want += h[t * kHalf + kHalf - 1 - i];
    failed += sums[i] != want;
  }

  int blocks = 6, n = 7, a[6 * 32];
  for (int i = 0; i < 6 * 32; ++i) a[i] = 1000 * (i / 32);
  cudaMemcpy(x, a, sizeof a, cudaMemcpyHostToDevice);
  void* arguments[] = {&x, &y, &n};
  const cudaError_t e =
      cudaLaunchCooperativeKernel(reinterpret_cast<void*>(rounds), dim3(blocks), dim3(32), arguments, 0, nullptr);
  cudaMemcpy(a, n % 2 ? y : x, sizeof a, cudaMemcpyDeviceToHost);
  for (int i = 0; i < 6 * 32; ++i) failed += a[i] != 1000 * ((i / 32 + n) % 6) + n;
  std::printf("barrier: %d wrong, %s, %s\n", failed, cudaGetErrorName(e), cudaGetErrorName(cudaGetLastError()));
  cudaFree(x);
  cudaFree(y);
  return failed != 0 || e != cudaSuccess;
}
