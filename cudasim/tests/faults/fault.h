// A program holds several cases. `program CASE bad` runs the faulty version, `program CASE good` its corrected twin.
// The line that must be reported ends in the comment "expect: CASE".
#pragma once
#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>

struct Case {
  const char* name;
  void (*run)(bool bad);
};

template <int kCount>
int run_case(const Case (&cases)[kCount], int argc, char** argv) {
  if (argc == 3)
    for (const Case& c : cases)
      if (!std::strcmp(c.name, argv[1])) {
        c.run(!std::strcmp(argv[2], "bad"));
        cudaDeviceSynchronize();
        return 0;
      }
  std::fprintf(stderr, "usage: %s CASE good|bad\n", argv[0]);
  return 2;
}

// Device memory of n zeros, freed at the end of the case.
template <class T>
struct Buffer {
  T* p = nullptr;
  explicit Buffer(size_t n) {
    cudaMalloc(&p, n * sizeof(T));
    cudaMemset(p, 0, n * sizeof(T));
  }
  ~Buffer() { cudaFree(p); }
};

// Calls one of the two versions of a kernel.
#define RUN(kernel, grid, block, shared, ...)              \
  do {                                                     \
    if (bad)                                               \
      kernel<true><<<grid, block, shared>>>(__VA_ARGS__);  \
    else                                                   \
      kernel<false><<<grid, block, shared>>>(__VA_ARGS__); \
    cudaDeviceSynchronize();                               \
  } while (0)
