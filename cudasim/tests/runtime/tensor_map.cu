// tensor_map [CASE]: which PTX the device takes; with a case, what cuTensorMapEncodeTiled says to good and bad
// arguments.
#include <cstring>

#include "../hopper.cuh"
#include "check.h"

__global__ void which(int* architecture, int* specific) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  *specific = 1;
#else
  *specific = 0;
#endif
#ifdef __CUDA_ARCH__
  *architecture = __CUDA_ARCH__;
#endif
}

int main(int argc, char** argv) {
  int* values;
  if (cudaMallocManaged(&values, 4096) != cudaSuccess) return 4;
  if (argc == 1) {
    which<<<1, 1>>>(values, values + 1);
    cudaDeviceSynchronize();
    std::printf("PTX of %d, for %s\n", values[0], values[1] ? "sm_90 alone" : "any device");
    return cudaFree(values);
  }
  const auto is = [&](const char* name) { return !std::strcmp(argv[1], name); };
  alignas(128) char room[sizeof(CUtensorMap) + 64];
  auto* map = reinterpret_cast<CUtensorMap*>(room + (is("map") ? 8 : 0));
  const CUresult result =
      encode_map(map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, reinterpret_cast<char*>(values) + (is("address") ? 8 : 0),
                 is("extent") ? 0 : 64, 8,
                 is("stride")    ? 136
                 : is("overlap") ? 112
                                 : 128,
                 is("inner")     ? 12
                 : is("swizzle") ? 128
                                 : 64,
                 is("box") ? 257 : 8, CU_TENSOR_MAP_SWIZZLE_128B);
  EXPECT_EQ(result, is("good") || is("function") ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE);
  if (is("function")) {
    void* function = values;
    cudaDriverEntryPointQueryResult found;
    OK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeIm2col", &function, 12000, cudaEnableDefault, &found));
    EXPECT_EQ(found, cudaDriverEntryPointSymbolNotFound);
    EXPECT(function == nullptr);
  }
  OK(cudaFree(values));
  return finish("tensor_map");
}
