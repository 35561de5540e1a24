// How many warp instructions per second of processor time the interpreter executes, by class. Each kernel is a loop
// whose body is almost only instructions of its class. usage: instructions [milliseconds per measurement]
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

constexpr int kBlocks = 4, kThreads = 128, kWarps = kBlocks * kThreads / 32, kUnroll = 32;

#define EIGHT(x) x x x x x x x x
#define UNROLLED(x) EIGHT(x) EIGHT(x) EIGHT(x) EIGHT(x)
#define LOOP _Pragma("unroll 1") for (int i = 0; i < n; ++i)

__device__ uint32_t shared_address(const void* p) {
  return uint32_t(__cvta_generic_to_shared(p));
}

__global__ void integer(uint32_t* out, int n) {
  uint32_t a = threadIdx.x, b = n;
  LOOP asm volatile(EIGHT("add.u32 %0, %0, %1; xor.b32 %1, %1, %0; shl.b32 %0, %0, 1; mad.lo.u32 %0, %1, %1, %0;")
                    : "+r"(a), "+r"(b));
  out[threadIdx.x] = a + b;
}
__global__ void fma_f32(uint32_t* out, int n) {
  float a = threadIdx.x, b = 0.5f;
  LOOP asm volatile(UNROLLED("fma.rn.f32 %0, %0, %1, %1;") : "+f"(a) : "f"(b));
  out[threadIdx.x] = a > 0;
}
__global__ void fma_f16x2(uint32_t* out, int n) {
  uint32_t a = threadIdx.x, b = 0x38003800;
  LOOP asm volatile(UNROLLED("fma.rn.f16x2 %0, %0, %1, %1;") : "+r"(a) : "r"(b));
  out[threadIdx.x] = a;
}
__global__ void fma_bf16x2(uint32_t* out, int n) {
  uint32_t a = threadIdx.x, b = 0x3F003F00;
  LOOP asm volatile(UNROLLED("fma.rn.bf16x2 %0, %0, %1, %1;") : "+r"(a) : "r"(b));
  out[threadIdx.x] = a;
}
__global__ void ld_global(uint32_t* out, int n) {
  uint32_t a = 0;
  const uint32_t* p = out + threadIdx.x;
  LOOP asm volatile(UNROLLED("ld.global.b32 %0, [%1];") : "+r"(a) : "l"(p));
  out[threadIdx.x] = a;
}
__global__ void st_global(uint32_t* out, int n) {
  uint32_t* p = out + blockIdx.x * kThreads + threadIdx.x;
  LOOP asm volatile(UNROLLED("st.global.b32 [%0], %1;")::"l"(p), "r"(i) : "memory");
}
__global__ void ld_shared(uint32_t* out, int n) {
  __shared__ uint32_t s[kThreads];
  s[threadIdx.x] = threadIdx.x;
  uint32_t a = 0;
  LOOP asm volatile(UNROLLED("ld.shared.b32 %0, [%1];") : "+r"(a) : "r"(shared_address(s + threadIdx.x)));
  out[threadIdx.x] = a;
}
__global__ void st_shared(uint32_t* out, int n) {
  __shared__ uint32_t s[kThreads];
  LOOP asm volatile(UNROLLED("st.shared.b32 [%0], %1;")::"r"(shared_address(s + threadIdx.x)), "r"(i) : "memory");
  out[threadIdx.x] = s[threadIdx.x];
}
__global__ void shuffle(uint32_t* out, int n) {
  uint32_t a = threadIdx.x;
  LOOP asm volatile(UNROLLED("shfl.sync.bfly.b32 %0, %0, 1, 31, 0xFFFFFFFF;") : "+r"(a));
  out[threadIdx.x] = a;
}
__global__ void ldmatrix(uint32_t* out, int n) {
  __shared__ __align__(16) uint4 s[kThreads];
  s[threadIdx.x] = make_uint4(threadIdx.x, 0, 0, 0);
  __syncthreads();
  uint32_t a = 0, b = 0, c = 0, d = 0;
  LOOP asm volatile(UNROLLED("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];")
                    : "+r"(a), "+r"(b), "+r"(c), "+r"(d)
                    : "r"(shared_address(s + threadIdx.x)));
  out[threadIdx.x] = a + b + c + d;
}
__global__ void mma(uint32_t* out, int n) {
  float c[4] = {};
  const uint32_t a = 0x38003800 + threadIdx.x;
  LOOP asm volatile(UNROLLED("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %4, %4, %4}, "
                             "{%4, %4}, {%0, %1, %2, %3};")
                    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                    : "r"(a));
  out[threadIdx.x] = c[0] + c[1] + c[2] + c[3] > 0;
}
// Each copy is followed by its commit and its wait, which count as well.
__global__ void cp_async(uint32_t* out, int n) {
  __shared__ __align__(16) uint4 s[kThreads];
  const uint32_t* p = out + 4 * threadIdx.x;
  LOOP asm volatile(
      EIGHT("cp.async.cg.shared.global [%0], [%1], 16; cp.async.commit_group; cp.async.wait_group 0;")::"r"(
          shared_address(s + threadIdx.x)),
      "l"(p)
      : "memory");
  asm volatile("cp.async.wait_all;" ::: "memory");
  out[kThreads * 8 + threadIdx.x] = s[threadIdx.x].x;
}

struct Class {
  const char* name;
  void (*kernel)(uint32_t*, int);
  int per_round;  // instructions of the class in one round of the loop
};
static const Class kClasses[] = {
    {"integer ALU", integer, kUnroll},   {"f32 fma", fma_f32, kUnroll},     {"f16x2 fma", fma_f16x2, kUnroll},
    {"bf16x2 fma", fma_bf16x2, kUnroll}, {"ld.global", ld_global, kUnroll}, {"st.global", st_global, kUnroll},
    {"ld.shared", ld_shared, kUnroll},   {"st.shared", st_shared, kUnroll}, {"shfl.sync", shuffle, kUnroll},
    {"ldmatrix.x4", ldmatrix, kUnroll},  {"mma.m16n8k16", mma, kUnroll},    {"cp.async + commit + wait", cp_async, 24},
};

// Seconds of processor time.
static double run(const Class& c, uint32_t* out, int rounds) {
  const std::clock_t start = std::clock();
  c.kernel<<<kBlocks, kThreads>>>(out, rounds);
  cudaDeviceSynchronize();
  return double(std::clock() - start) / CLOCKS_PER_SEC;
}

int main(int argc, char** argv) {
  const double wanted = (argc > 1 ? std::atof(argv[1]) : 100) / 1000;
  uint32_t* out;
  cudaMalloc(&out, 1 << 16);
  cudaMemset(out, 0, 1 << 16);
  for (const Class& c : kClasses) {
    int rounds = 1;
    run(c, out, rounds);  // decodes the kernel
    double seconds;
    while ((seconds = run(c, out, rounds)) < wanted / 2 && rounds < 1 << 24) rounds *= 2;
    for (int i = 0; i < 4; ++i) seconds = std::min(seconds, run(c, out, rounds));
    std::printf("%s: %.4g million warp instructions per second\n", c.name,
                double(rounds) * c.per_round * kWarps / std::max(seconds, 1e-6) / 1e6);
  }
  const cudaError_t e = cudaGetLastError();
  if (e != cudaSuccess) std::printf("%s\n", cudaGetErrorString(e));
  cudaFree(out);
  return e != cudaSuccess;
}
