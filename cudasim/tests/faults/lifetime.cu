// Memory used after it was freed, freed twice, or never.
#include "fault.h"

__global__ void read(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x];  // expect: use_after_free, use_after_free_async
}

static const Case kCases[] = {
    {"use_after_free",
     [](bool bad) {
       Buffer<float> y(32);
       float* x;
       cudaMalloc(&x, 128);
       cudaMemset(x, 0, 128);
       if (bad) cudaFree(x);
       read<<<1, 32>>>(x, y.p);
       cudaDeviceSynchronize();
       if (!bad) cudaFree(x);
     }},
    {"use_after_free_async",
     [](bool bad) {
       Buffer<float> y(32);
       cudaStream_t s;
       cudaStreamCreate(&s);
       float* x;
       cudaMallocAsync(reinterpret_cast<void**>(&x), 128, s);
       cudaMemsetAsync(x, 0, 128, s);
       if (bad) cudaFreeAsync(x, s);
       read<<<1, 32, 0, s>>>(x, y.p);
       if (!bad) cudaFreeAsync(x, s);
       cudaStreamSynchronize(s);
       cudaStreamDestroy(s);
     }},
    {"copy_after_free",
     [](bool bad) {
       float *x, h[32] = {};
       cudaMalloc(&x, sizeof h);
       if (bad) cudaFree(x);
       cudaMemcpy(x, h, sizeof h, cudaMemcpyHostToDevice);
       if (!bad) cudaFree(x);
     }},
    {"double_free",
     [](bool bad) {
       float* x;
       cudaMalloc(&x, 128);
       cudaFree(x);
       if (bad) cudaFree(x);
     }},
    {"inner_free",
     [](bool bad) {
       float* x;
       cudaMalloc(&x, 128);
       if (bad) cudaFree(x + 4);
       cudaFree(x);
     }},
    {"leak",
     [](bool bad) {
       float* x;
       cudaMalloc(&x, 128);
       if (!bad) cudaFree(x);
     }},
    {"leak_pinned",
     [](bool bad) {
       float* x;
       cudaMallocHost(reinterpret_cast<void**>(&x), 128);
       if (!bad) cudaFreeHost(x);
     }},
};

int main(int argc, char** argv) {
  return run_case(kCases, argc, argv);
}
