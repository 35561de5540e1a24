// Kernels whose memory traffic follows from their text. check_counters.py holds the arithmetic; a kernel's name there
// is the one here, with its template argument behind it.
#include <cuda_runtime.h>

#include <cstdint>

constexpr int kThreads = 1024;  // over all blocks, unless said otherwise: 32 warps

__device__ int global_index() {
  return int(blockIdx.x * blockDim.x + threadIdx.x);
}

template <int kStride>
__global__ void strided(const float* x, float* y) {
  const int i = global_index();
  y[i] = x[i * kStride];
}

template <int kOffset>
__global__ void misaligned(const float* x, float* y) {
  const int i = global_index();
  y[i] = x[i + kOffset];
}

__global__ void broadcast(const float* x, float* y) {
  y[global_index()] = x[0];
}

template <class T>
__device__ void copy_one(const void* x, void* y) {
  const int i = global_index();
  static_cast<T*>(y)[i] = static_cast<const T*>(x)[i];
}
__global__ void copy_bytes(const void* x, void* y) {
  copy_one<uint8_t>(x, y);
}
__global__ void copy_float2(const void* x, void* y) {
  copy_one<float2>(x, y);
}
__global__ void copy_float4(const void* x, void* y) {
  copy_one<float4>(x, y);
}

// Only the first lanes of each warp work.
template <int kLanes>
__global__ void partial(const float* x, float* y) {
  const int i = global_index();
  if (threadIdx.x % 32 < kLanes) y[i] = x[i];
}

// Every block reads the same 1 KiB.
__global__ void reread(const float* x, float* y) {
  y[global_index()] = x[threadIdx.x];
}

__global__ void transpose_naive(const float* x, float* y) {
  y[threadIdx.x * 32 + threadIdx.y] = x[threadIdx.y * 32 + threadIdx.x];
}

template <int kPadding>
__global__ void transpose(const float* x, float* y) {
  __shared__ float tile[32][32 + kPadding];
  tile[threadIdx.y][threadIdx.x] = x[threadIdx.y * 32 + threadIdx.x];
  __syncthreads();
  y[threadIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}

// One warp: 33 conflict-free stores fill the array, then one load with a stride.
template <int kStride>
__global__ void shared_stride(float* y) {
  __shared__ float s[33 * 32];
  for (int k = 0; k < 33; ++k) s[k * 32 + threadIdx.x] = float(k);
  __syncwarp();
  y[threadIdx.x] = s[threadIdx.x * kStride];
}

// The same with 16-byte loads of the 64 float4.
template <int kStride>
__global__ void shared_float4(float4* y) {
  __shared__ float4 s[64];
  for (int k = 0; k < 2; ++k) s[k * 32 + threadIdx.x] = make_float4(1, 2, 3, 4);
  __syncwarp();
  y[threadIdx.x] = s[threadIdx.x * kStride];
}

// One ldmatrix.x4 of a 32 x 8 tile of halves whose rows lie kRow bytes apart.
template <int kRow, bool kSwizzle>
__device__ void load_tile(unsigned* y) {
  __shared__ __align__(128) unsigned char s[32 * kRow];
  for (int k = 0; k < kRow / 4; ++k) reinterpret_cast<unsigned*>(s)[k * 32 + threadIdx.x] = unsigned(k);
  __syncwarp();
  const int row = int(threadIdx.x), chunk = kSwizzle ? row % 8 : 0;
  const unsigned a = unsigned(__cvta_generic_to_shared(s + row * kRow + chunk * 16));
  unsigned r0, r1, r2, r3;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3)
               : "r"(a));
  y[threadIdx.x] = r0 ^ r1 ^ r2 ^ r3;
}
__global__ void ldmatrix_plain(unsigned* y) {
  load_tile<128, false>(y);
}
__global__ void ldmatrix_swizzled(unsigned* y) {
  load_tile<128, true>(y);
}
__global__ void ldmatrix_padded(unsigned* y) {
  load_tile<144, false>(y);
}

__global__ void async_copy(const float4* x, float4* y) {
  __shared__ float4 s[256];
  const unsigned to = unsigned(__cvta_generic_to_shared(s + threadIdx.x));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x + global_index()) : "memory");
  asm volatile("cp.async.wait_all;" ::: "memory");
  y[global_index()] = s[threadIdx.x];
}

__global__ void atomic_spread(int* y) {
  atomicAdd(y + global_index(), 1);
}
__global__ void atomic_single(int* y) {
  atomicAdd(y, int(threadIdx.x));
}

__global__ void divergent(int* y) {
  int v = 0;
  asm volatile("{\n .reg .pred p;\n setp.lt.u32 p, %1, 7;\n @p bra OUT;\n add.u32 %0, %0, 5;\nOUT:\n}"
               : "+r"(v)
               : "r"(threadIdx.x % 32));
  y[global_index()] = v;
}

__global__ void tensor(float* y, int n) {
  float d0 = 0, d1 = 0, d2 = 0, d3 = 0;
  const unsigned one = 0x3C003C00;
  for (int k = 0; k < n; ++k)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%4,%4,%4}, {%4,%4}, {%0,%1,%2,%3};"
        : "+f"(d0), "+f"(d1), "+f"(d2), "+f"(d3)
        : "r"(one));
  y[threadIdx.x] = d0 + d1 + d2 + d3;
}

__global__ void forty_kilobytes(float* y) {
  __shared__ float s[10 * 1024];
  s[threadIdx.x] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = s[255 - threadIdx.x];
}

int main() {
  const dim3 grid(4), block(256), tile(32, 32);
  float *x, *y;
  cudaMalloc(&x, 32 * kThreads * sizeof(float) + 128);
  cudaMalloc(&y, 32 * kThreads * sizeof(float));
  cudaMemset(x, 0, 32 * kThreads * sizeof(float) + 128);
  strided<1><<<grid, block>>>(x, y);
  strided<2><<<grid, block>>>(x, y);
  strided<4><<<grid, block>>>(x, y);
  strided<8><<<grid, block>>>(x, y);
  strided<32><<<grid, block>>>(x, y);
  misaligned<1><<<grid, block>>>(x, y);
  misaligned<8><<<grid, block>>>(x, y);
  broadcast<<<grid, block>>>(x, y);
  copy_bytes<<<grid, block>>>(x, y);
  copy_float2<<<grid, block>>>(x, y);
  copy_float4<<<grid, block>>>(x, y);
  partial<10><<<grid, block>>>(x, y);
  reread<<<grid, block>>>(x, y);
  transpose_naive<<<1, tile>>>(x, y);
  transpose<0><<<1, tile>>>(x, y);
  transpose<1><<<1, tile>>>(x, y);
  shared_stride<0><<<1, 32>>>(y);
  shared_stride<1><<<1, 32>>>(y);
  shared_stride<2><<<1, 32>>>(y);
  shared_stride<4><<<1, 32>>>(y);
  shared_stride<8><<<1, 32>>>(y);
  shared_stride<32><<<1, 32>>>(y);
  shared_stride<33><<<1, 32>>>(y);
  shared_float4<1><<<1, 32>>>(reinterpret_cast<float4*>(y));
  shared_float4<2><<<1, 32>>>(reinterpret_cast<float4*>(y));
  ldmatrix_plain<<<1, 32>>>(reinterpret_cast<unsigned*>(y));
  ldmatrix_swizzled<<<1, 32>>>(reinterpret_cast<unsigned*>(y));
  ldmatrix_padded<<<1, 32>>>(reinterpret_cast<unsigned*>(y));
  async_copy<<<grid, block>>>(reinterpret_cast<float4*>(x), reinterpret_cast<float4*>(y));
  cudaMemset(y, 0, 32 * kThreads * sizeof(float));
  atomic_spread<<<grid, block>>>(reinterpret_cast<int*>(y));
  atomic_single<<<grid, block>>>(reinterpret_cast<int*>(y));
  divergent<<<grid, block>>>(reinterpret_cast<int*>(y));
  tensor<<<1, 32>>>(y, 10);
  forty_kilobytes<<<1, 256>>>(y);
  const cudaError_t e = cudaDeviceSynchronize();
  cudaFree(x);
  cudaFree(y);
  return e != cudaSuccess;
}
