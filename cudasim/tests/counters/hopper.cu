// What Hopper's copies and products count as; see counters.cu.
#include "../hopper.cuh"

constexpr int kBoxColumns = 32, kBoxRows = 8;

__global__ void box_read(const __grid_constant__ CUtensorMap map) {
  __shared__ alignas(128) float s[kBoxRows * kBoxColumns];
  __shared__ uint64_t barrier;
  if (threadIdx.x == 0) {
    barrier_init(&barrier, 1);
    init_fence();
    expect(&barrier, sizeof s);
    LOAD(s, map, 32, 0, &barrier);
  }
  __syncthreads();
  WAIT(&barrier, 0);
}

template <bool kAdd>
__device__ void write(const CUtensorMap& map) {
  __shared__ alignas(128) float s[kBoxRows * kBoxColumns];
  for (int row = 0; row < kBoxRows; ++row) s[row * 32 + threadIdx.x] = 1;
  proxy_fence();
  __syncthreads();
  if (threadIdx.x == 0) {
    if (kAdd) {
      ADD(map, s, 0, 0);
    } else {
      STORE(map, s, 0, 4);  // four of its rows lie beyond the matrix
    }
    commit();
    wait_read();
  }
}
__global__ void box_write(const __grid_constant__ CUtensorMap map) {
  write<false>(map);
}
__global__ void box_add(const __grid_constant__ CUtensorMap map) {
  write<true>(map);
}

__global__ void products(float* y, int steps) {
  __shared__ alignas(1024) uint32_t a[64 * 32], b[8 * 32];
  for (int i = threadIdx.x; i < 64 * 32; i += 128) a[i] = 0;
  for (int i = threadIdx.x; i < 8 * 32; i += 128) b[i] = 0;
  proxy_fence();
  __syncthreads();
  float d[4] = {};
  for (int i = 0; i < steps; ++i) {
    wgmma_fence();
    WGMMA_M64N8(d, descriptor(a), descriptor(b));
    wgmma_commit();
    wgmma_wait();
  }
  y[threadIdx.x] = d[0];
}

int main() {
  float* x;
  cudaMalloc(&x, 64 * 8 * sizeof(float));
  cudaMemset(x, 0, 64 * 8 * sizeof(float));
  CUtensorMap map;
  if (encode_map(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, x, 64, 8, 64 * 4, kBoxColumns, kBoxRows) != CUDA_SUCCESS)
    return 2;
  box_read<<<1, 32>>>(map);
  box_write<<<1, 32>>>(map);
  box_add<<<1, 32>>>(map);
  products<<<1, 128>>>(x, 3);
  const cudaError_t e = cudaDeviceSynchronize();
  cudaFree(x);
  return e != cudaSuccess;
}
