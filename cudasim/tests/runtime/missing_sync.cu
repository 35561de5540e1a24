// missing_sync KIND: programs that forget to wait. Wrong results need --delay-streams, or --late-copies for `upload`;
// KIND-fixed has none.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>
#include <string>

__global__ void store(int* p, int v) {
  *p = v;
}

int main(int, char** argv) {
  const std::string kind = argv[1];
  const bool fixed = kind.size() > 6 && kind.substr(kind.size() - 6) == "-fixed";
  cudaStream_t a, b;
  cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking);
  int *d, *h;
  cudaMalloc(&d, 4);
  cudaMallocHost(&h, 4);
  cudaMemset(d, 0, 4);
  cudaDeviceSynchronize();
  *h = 0;
  int got = 0;
  if (kind.rfind("host", 0) == 0) {  // the host reads before the copy has run
    store<<<1, 1, 0, a>>>(d, 7);
    cudaMemcpyAsync(h, d, 4, cudaMemcpyDeviceToHost, a);
    if (fixed) cudaStreamSynchronize(a);
    got = *h;
  } else if (kind.rfind("stream", 0) == 0) {  // stream b does not wait for stream a
    store<<<1, 1, 0, a>>>(d, 7);
    if (fixed) {
      cudaEvent_t e;
      cudaEventCreate(&e);
      cudaEventRecord(e, a);
      cudaStreamWaitEvent(b, e, 0);
      cudaEventDestroy(e);
    }
    cudaMemcpyAsync(h, d, 4, cudaMemcpyDeviceToHost, b);
    cudaStreamSynchronize(b);
    got = *h;
  } else if (kind.rfind("upload", 0) ==
             0) {  // cudaMemcpy returns when the bytes are staged, and stream a does not wait
    const int seven = 7;
    if (fixed) {
      cudaMemcpyAsync(d, &seven, 4, cudaMemcpyHostToDevice, b);
      cudaStreamSynchronize(b);
    } else {
      cudaMemcpy(d, &seven, 4, cudaMemcpyHostToDevice);
    }
    cudaMemcpyAsync(h, d, 4, cudaMemcpyDeviceToHost, a);
    cudaStreamSynchronize(a);
    got = *h;
  } else if (kind.rfind("reuse", 0) == 0) {  // a pinned source is overwritten before the copy has read it
    *h = 7;
    cudaMemcpyAsync(d, h, 4, cudaMemcpyHostToDevice, a);
    if (fixed) cudaStreamSynchronize(a);
    *h = 1;
    cudaMemcpyAsync(&got, d, 4, cudaMemcpyDeviceToHost, a);
  }
  cudaDeviceSynchronize();
  cudaStreamDestroy(a);
  cudaStreamDestroy(b);
  cudaFree(d);
  cudaFreeHost(h);
  std::printf("got %d\n", got);
  return got == 7 ? 0 : 3;
}
