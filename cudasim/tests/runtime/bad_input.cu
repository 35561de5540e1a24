// bad_input CASE: what cudasim cannot run; each must be said in one line.
#include <cuda_runtime.h>

#include <cstring>

__global__ void store(int* p) {
  *p = 1;
}
__global__ void endless(volatile int* p) {
  while (*p == 0) {
  }
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  int* p;
  if (cudaMalloc(&p, 4) != cudaSuccess) return 4;
  cudaMemset(p, 0, 4);
  int code = 0;
  if (!std::strcmp(what, "array")) {
    cudaArray_t array;
    cudaChannelFormatDesc format{32, 0, 0, 0, cudaChannelFormatKindFloat};
    if (cudaMallocArray(&array, &format, 16) != cudaErrorNotSupported) code = 5;
  } else if (!std::strcmp(what, "endless")) {
    endless<<<1, 32>>>(p);
    if (cudaDeviceSynchronize() != cudaErrorLaunchTimeout) code = 6;
  } else {
    store<<<1, 1>>>(p);
    if (cudaDeviceSynchronize() != cudaSuccess || cudaGetLastError() != cudaSuccess) code = 7;
  }
  cudaFree(p);
  return code;
}
