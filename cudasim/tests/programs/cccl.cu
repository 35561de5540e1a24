// CUB and Thrust algorithms of the toolkit on sizes 0, 1, 31 and 100000 against the standard library.
#include <thrust/device_vector.h>
#include <thrust/sort.h>
#include <thrust/transform.h>
#include <cub/cub.cuh>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

static int g_bad = 0;
static void check(bool ok, const char* what, int n) {
  if (!ok) {
    std::printf("wrong: %s of %d\n", what, n);
    ++g_bad;
  }
}
template <class F>
void with_storage(F f) {
  size_t bytes = 0;
  f(nullptr, bytes);
  void* p = nullptr;
  cudaMalloc(&p, bytes ? bytes : 1);
  f(p, bytes);
  cudaFree(p);
}

// One partial sum per block; the last block is not full.
__global__ void block_sums(const unsigned* x, unsigned* sums, int n) {
  using Reduce = cub::BlockReduce<unsigned, 128>;
  __shared__ typename Reduce::TempStorage storage;
  const int i = blockIdx.x * 128 + threadIdx.x;
  const unsigned sum = Reduce(storage).Sum(i < n ? x[i] : 0u);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

int main(int argc, char** argv) {
  std::vector<int> sizes = {0, 1, 31, 100000};
  if (argc > 1) sizes = {std::atoi(argv[1])};
  for (int n : sizes) {
    std::vector<unsigned> h(n);
    unsigned s = 12345;
    for (auto& v : h) v = s = s * 1664525u + 1013904223u;
    thrust::device_vector<unsigned> in(h.begin(), h.end()), out(n ? n : 1), idx(n ? n : 1), idx2(n ? n : 1);
    unsigned *pi = thrust::raw_pointer_cast(in.data()), *po = thrust::raw_pointer_cast(out.data());
    with_storage([&](void* t, size_t& b) { cub::DeviceReduce::Sum(t, b, pi, po, n); });
    check(out[0] == std::accumulate(h.begin(), h.end(), 0u), "DeviceReduce::Sum", n);
    with_storage([&](void* t, size_t& b) { cub::DeviceReduce::Max(t, b, pi, po, n); });
    check(out[0] == (n ? *std::max_element(h.begin(), h.end()) : 0u), "DeviceReduce::Max", n);
    if (n) {
      std::vector<unsigned> want(n), got(n);
      const int blocks = (n + 127) / 128;
      block_sums<<<blocks, 128>>>(pi, po, n);
      thrust::copy(out.begin(), out.begin() + blocks, got.begin());
      for (int i = 0; i < n; ++i) want[i / 128] += h[i];
      check(std::equal(want.begin(), want.begin() + blocks, got.begin()), "BlockReduce::Sum", n);
      std::partial_sum(h.begin(), h.end(), want.begin());
      with_storage([&](void* t, size_t& b) { cub::DeviceScan::InclusiveSum(t, b, pi, po, n); });
      thrust::copy(out.begin(), out.begin() + n, got.begin());
      check(got == want, "DeviceScan::InclusiveSum", n);
      want = h;
      std::sort(want.begin(), want.end());
      with_storage([&](void* t, size_t& b) { cub::DeviceRadixSort::SortKeys(t, b, pi, po, n); });
      thrust::copy(out.begin(), out.begin() + n, got.begin());
      check(got == want, "DeviceRadixSort::SortKeys", n);
    }
    thrust::device_vector<unsigned> sorted = in;
    thrust::sort(sorted.begin(), sorted.end());
    std::vector<unsigned> want = h, got(n);
    std::sort(want.begin(), want.end());
    thrust::copy(sorted.begin(), sorted.end(), got.begin());
    check(got == want, "thrust::sort", n);
    thrust::sort(sorted.begin(), sorted.end(),
                 [] __device__(unsigned a, unsigned b) { return (a ^ 0x5555) < (b ^ 0x5555); });
    std::sort(want.begin(), want.end(), [](unsigned a, unsigned b) { return (a ^ 0x5555) < (b ^ 0x5555); });
    thrust::copy(sorted.begin(), sorted.end(), got.begin());
    check(got == want, "thrust::sort with a comparison", n);
    thrust::transform(in.begin(), in.end(), in.begin(), [] __device__(unsigned v) { return v * 3 + 1; });
    thrust::copy(in.begin(), in.end(), got.begin());
    for (auto& v : h) v = v * 3 + 1;
    check(got == h, "thrust::transform", n);
    std::printf("size %d done: %s\n", n, cudaGetErrorName(cudaGetLastError()));
  }
  return g_bad != 0;
}
