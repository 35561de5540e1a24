// What programs built with --default-stream per-thread call: the same functions, where stream 0 is the thread's own.
#include <cuda_runtime_api.h>

#define API extern "C" __attribute__((visibility("default")))

static cudaStream_t own(cudaStream_t s) {
  return s ? s : cudaStreamPerThread;
}
static cudaError_t finish(cudaError_t e) {
  return e != cudaSuccess ? e : cudaStreamSynchronize(cudaStreamPerThread);
}

API cudaError_t cudaMemcpy_ptds(void* d, const void* s, size_t n, cudaMemcpyKind k) {
  return finish(cudaMemcpyAsync(d, s, n, k, cudaStreamPerThread));
}
API cudaError_t cudaMemcpyAsync_ptsz(void* d, const void* s, size_t n, cudaMemcpyKind k, cudaStream_t st) {
  return cudaMemcpyAsync(d, s, n, k, own(st));
}
API cudaError_t cudaMemcpy2D_ptds(void* d, size_t dp, const void* s, size_t sp, size_t w, size_t h, cudaMemcpyKind k) {
  return finish(cudaMemcpy2DAsync(d, dp, s, sp, w, h, k, cudaStreamPerThread));
}
API cudaError_t cudaMemcpy2DAsync_ptsz(void* d, size_t dp, const void* s, size_t sp, size_t w, size_t h,
                                       cudaMemcpyKind k, cudaStream_t st) {
  return cudaMemcpy2DAsync(d, dp, s, sp, w, h, k, own(st));
}
API cudaError_t cudaMemset_ptds(void* p, int v, size_t n) {
  return cudaMemsetAsync(p, v, n, cudaStreamPerThread);
}
API cudaError_t cudaMemsetAsync_ptsz(void* p, int v, size_t n, cudaStream_t st) {
  return cudaMemsetAsync(p, v, n, own(st));
}
API cudaError_t cudaMemcpyToSymbol_ptds(const void* sym, const void* s, size_t n, size_t off, cudaMemcpyKind k) {
  return finish(cudaMemcpyToSymbolAsync(sym, s, n, off, k, cudaStreamPerThread));
}
API cudaError_t cudaMemcpyFromSymbol_ptds(void* d, const void* sym, size_t n, size_t off, cudaMemcpyKind k) {
  return finish(cudaMemcpyFromSymbolAsync(d, sym, n, off, k, cudaStreamPerThread));
}
API cudaError_t cudaMemcpyToSymbolAsync_ptsz(const void* sym, const void* s, size_t n, size_t off, cudaMemcpyKind k,
                                             cudaStream_t st) {
  return cudaMemcpyToSymbolAsync(sym, s, n, off, k, own(st));
}
API cudaError_t cudaMemcpyFromSymbolAsync_ptsz(void* d, const void* sym, size_t n, size_t off, cudaMemcpyKind k,
                                               cudaStream_t st) {
  return cudaMemcpyFromSymbolAsync(d, sym, n, off, k, own(st));
}
API cudaError_t cudaMallocAsync_ptsz(void** p, size_t n, cudaStream_t st) {
  return cudaMallocAsync(p, n, own(st));
}
API cudaError_t cudaFreeAsync_ptsz(void* p, cudaStream_t st) {
  return cudaFreeAsync(p, own(st));
}
API cudaError_t cudaLaunchKernel_ptsz(const void* f, dim3 g, dim3 b, void** args, size_t shared, cudaStream_t st) {
  return cudaLaunchKernel(f, g, b, args, shared, own(st));
}
API cudaError_t cudaLaunchKernelExC_ptsz(const cudaLaunchConfig_t* c, const void* f, void** args) {
  cudaLaunchConfig_t config = *c;
  config.stream = own(c->stream);
  return cudaLaunchKernelExC(&config, f, args);
}
API cudaError_t cudaLaunchHostFunc_ptsz(cudaStream_t st, cudaHostFn_t f, void* data) {
  return cudaLaunchHostFunc(own(st), f, data);
}
API cudaError_t cudaStreamSynchronize_ptsz(cudaStream_t st) {
  return cudaStreamSynchronize(own(st));
}
API cudaError_t cudaStreamQuery_ptsz(cudaStream_t st) {
  return cudaStreamQuery(own(st));
}
API cudaError_t cudaStreamWaitEvent_ptsz(cudaStream_t st, cudaEvent_t e, unsigned f) {
  return cudaStreamWaitEvent(own(st), e, f);
}
API cudaError_t cudaEventRecord_ptsz(cudaEvent_t e, cudaStream_t st) {
  return cudaEventRecord(e, own(st));
}
API cudaError_t cudaEventRecordWithFlags_ptsz(cudaEvent_t e, cudaStream_t st, unsigned f) {
  return cudaEventRecordWithFlags(e, own(st), f);
}
API cudaError_t cudaStreamBeginCapture_ptsz(cudaStream_t st, cudaStreamCaptureMode m) {
  return cudaStreamBeginCapture(own(st), m);
}
API cudaError_t cudaStreamEndCapture_ptsz(cudaStream_t st, cudaGraph_t* g) {
  return cudaStreamEndCapture(own(st), g);
}
API cudaError_t cudaStreamIsCapturing_ptsz(cudaStream_t st, cudaStreamCaptureStatus* s) {
  return cudaStreamIsCapturing(own(st), s);
}
API cudaError_t cudaStreamGetCaptureInfo_ptsz(cudaStream_t st, cudaStreamCaptureStatus* s, unsigned long long* id,
                                              cudaGraph_t* g, const cudaGraphNode_t** d, const cudaGraphEdgeData** e,
                                              size_t* n) {
  return cudaStreamGetCaptureInfo(own(st), s, id, g, d, e, n);
}
API cudaError_t cudaStreamGetFlags_ptsz(cudaStream_t st, unsigned* f) {
  return cudaStreamGetFlags(own(st), f);
}
API cudaError_t cudaStreamGetPriority_ptsz(cudaStream_t st, int* p) {
  return cudaStreamGetPriority(own(st), p);
}
API cudaError_t cudaGraphLaunch_ptsz(cudaGraphExec_t e, cudaStream_t st) {
  return cudaGraphLaunch(e, own(st));
}
API cudaError_t cudaGraphUpload_ptsz(cudaGraphExec_t e, cudaStream_t st) {
  return cudaGraphUpload(e, own(st));
}
API cudaError_t cudaMemPrefetchAsync_ptsz(const void* p, size_t n, cudaMemLocation l, unsigned f, cudaStream_t st) {
  return cudaMemPrefetchAsync(p, n, l, f, own(st));
}
