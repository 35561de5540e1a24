// Stream capture, the explicit graph API, updates.
#include <cuda_runtime.h>

#include <string>
#include <vector>

#include "check.h"

__global__ void add(int* p, int n, int v) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) p[i] += v;
}
__global__ void scale(int* p, int n, int v) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) p[i] *= v;
}
__global__ void sum(const int* a, const int* b, int* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = a[i] + b[i];
}

constexpr int kN = 300;
static bool all(const int* device, int want) {
  std::vector<int> h(kN);
  cudaMemcpy(h.data(), device, kN * 4, cudaMemcpyDeviceToHost);
  for (int v : h)
    if (v != want) {
      std::printf("found %d, not %d\n", v, want);
      return false;
    }
  return true;
}
static void count_call(void* p) {
  ++*static_cast<int*>(p);
}

// fill a, b := a side stream; out = a*3 + b+5
static cudaGraph_t capture(cudaStream_t s, cudaStream_t side, int* a, int* b, int* out, int by, int plus,
                           bool joined = true) {
  cudaEvent_t fork, join;
  OK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  OK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
  OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal));
  OK(cudaMemsetAsync(a, 0, kN * 4, s));
  add<<<3, 128, 0, s>>>(a, kN, 2);
  OK(cudaEventRecord(fork, s));
  OK(cudaStreamWaitEvent(side, fork, 0));
  cudaStreamCaptureStatus status;
  OK(cudaStreamIsCapturing(side, &status));
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  OK(cudaMemcpyAsync(b, a, kN * 4, cudaMemcpyDeviceToDevice, side));
  add<<<3, 128, 0, side>>>(b, kN, plus);
  scale<<<3, 128, 0, s>>>(out, kN, 0);
  if (joined) {
    OK(cudaEventRecord(join, side));
    OK(cudaStreamWaitEvent(s, join, 0));
    scale<<<3, 128, 0, s>>>(a, kN, by);
    sum<<<3, 128, 0, s>>>(a, b, out, kN);
  }
  cudaGraph_t g = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(s, &g), joined ? cudaSuccess : cudaErrorStreamCaptureUnjoined);
  EXPECT((g != nullptr) == joined);
  OK(cudaEventDestroy(fork));
  OK(cudaEventDestroy(join));
  return g;
}

int main() {
  int *a, *b, *out;
  OK(cudaMalloc(&a, kN * 4));
  OK(cudaMalloc(&b, kN * 4));
  OK(cudaMalloc(&out, kN * 4));
  OK(cudaMemset(out, 0, kN * 4));
  cudaStream_t s, side;
  OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  OK(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));

  // Captured work does not run; a launch does it, as often as it is launched.
  cudaGraph_t g = capture(s, side, a, b, out, 3, 5);
  OK(cudaDeviceSynchronize());
  EXPECT(all(out, 0));
  cudaGraphExec_t exec;
  OK(cudaGraphInstantiate(&exec, g, 0));
  for (int i = 0; i < 20; ++i) {
    OK(cudaGraphLaunch(exec, s));
    OK(cudaStreamSynchronize(s));
    EXPECT(all(out, 2 * 3 + 2 + 5));
  }
  size_t nodes = 0, edges = 0, roots = 0;
  OK(cudaGraphGetNodes(g, nullptr, &nodes));
  OK(cudaGraphGetEdges(g, nullptr, nullptr, nullptr, &edges));
  OK(cudaGraphGetRootNodes(g, nullptr, &roots));
  EXPECT_EQ(nodes, 7);
  // memset-add, add-copy, copy-add, add-scale(out), scale(out)-scale(a), add(b)-scale(a), scale(a)-sum
  EXPECT_EQ(edges, 7);
  EXPECT_EQ(roots, 1);

  // Update from a graph of the same shape, then one of another shape.
  cudaGraph_t g2 = capture(s, side, a, b, out, 10, 100);
  cudaGraphExecUpdateResultInfo info;
  OK(cudaGraphExecUpdate(exec, g2, &info));
  EXPECT_EQ(info.result, cudaGraphExecUpdateSuccess);
  OK(cudaGraphLaunch(exec, s));
  OK(cudaStreamSynchronize(s));
  EXPECT(all(out, 20 + 102));
  cudaGraph_t other;
  OK(cudaGraphCreate(&other, 0));
  cudaGraphNode_t node, node2;
  OK(cudaGraphAddEmptyNode(&node, other, nullptr, 0));
  EXPECT_EQ(cudaGraphExecUpdate(exec, other, &info), cudaErrorGraphExecUpdateFailure);
  EXPECT_EQ(info.result, cudaGraphExecUpdateErrorTopologyChanged);
  (void)cudaGetLastError();

  // Parameters of one kernel node.
  std::vector<cudaGraphNode_t> list(nodes);
  OK(cudaGraphGetNodes(g, list.data(), &nodes));
  cudaKernelNodeParams p{};
  int found = 0;
  for (cudaGraphNode_t n : list) {
    cudaGraphNodeType type;
    OK(cudaGraphNodeGetType(n, &type));
    if (type != cudaGraphNodeTypeKernel) continue;
    OK(cudaGraphKernelNodeGetParams(n, &p));
    if (p.func != (void*)add || *static_cast<int*>(p.kernelParams[2]) != 5) continue;
    ++found;
    EXPECT_EQ(p.gridDim.x, 3);
    EXPECT_EQ(p.blockDim.x, 128);
    int size = kN, plus = 7;
    void* args[] = {&b, &size, &plus};
    p.kernelParams = args;
    cudaGraphExec_t fresh;
    OK(cudaGraphInstantiate(&fresh, g, 0));
    OK(cudaGraphExecKernelNodeSetParams(fresh, n, &p));
    OK(cudaGraphLaunch(fresh, s));
    OK(cudaStreamSynchronize(s));
    EXPECT(all(out, 6 + 9));
    OK(cudaGraphNodeSetEnabled(fresh, n, 0));
    OK(cudaGraphLaunch(fresh, s));
    OK(cudaStreamSynchronize(s));
    EXPECT(all(out, 6 + 2));
    OK(cudaGraphExecDestroy(fresh));
  }
  EXPECT_EQ(found, 1);

  // Explicit construction: memset -> kernel -> copy to the host -> host function, and a child graph.
  int calls = 0, *pinned;
  OK(cudaMallocHost(&pinned, kN * 4));
  cudaGraph_t made;
  OK(cudaGraphCreate(&made, 0));
  cudaMemsetParams fill{};
  fill.dst = a;
  fill.value = 4;
  fill.elementSize = 4;
  fill.width = kN;
  fill.height = 1;
  OK(cudaGraphAddMemsetNode(&node, made, nullptr, 0, &fill));
  int size = kN, plus = 1;
  void* args[] = {&a, &size, &plus};
  cudaKernelNodeParams k{};
  k.func = (void*)add;
  k.gridDim = dim3(3);
  k.blockDim = dim3(128);
  k.kernelParams = args;
  OK(cudaGraphAddKernelNode(&node2, made, &node, 1, &k));
  cudaGraphNode_t copy, host;
  OK(cudaGraphAddMemcpyNode1D(&copy, made, &node2, 1, pinned, a, kN * 4, cudaMemcpyDeviceToHost));
  cudaHostNodeParams h{count_call, &calls};
  OK(cudaGraphAddHostNode(&host, made, nullptr, 0, &h));
  OK(cudaGraphAddDependencies(made, &copy, &host, nullptr, 1));
  EXPECT_EQ(cudaGraphAddDependencies(made, &copy, &host, nullptr, 1), cudaErrorInvalidValue);
  cudaGraph_t outer;
  OK(cudaGraphCreate(&outer, 0));
  OK(cudaGraphAddChildGraphNode(&node, outer, nullptr, 0, made));
  cudaGraphExec_t outer_exec;
  OK(cudaGraphInstantiate(&outer_exec, outer, 0));
  OK(cudaGraphLaunch(outer_exec, s));
  OK(cudaGraphLaunch(outer_exec, s));
  OK(cudaStreamSynchronize(s));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(pinned[kN - 1], 5);

  // A cycle cannot be instantiated.
  OK(cudaGraphAddDependencies(made, &host, &copy, nullptr, 1));
  cudaGraphExec_t none;
  EXPECT_EQ(cudaGraphInstantiate(&none, made, 0), cudaErrorInvalidValue);

  // Faults of capturing.
  capture(s, side, a, b, out, 1, 1, false);
  OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal));
  EXPECT_EQ(cudaStreamSynchronize(s), cudaErrorStreamCaptureUnsupported);
  cudaGraph_t nothing;
  EXPECT_EQ(cudaStreamEndCapture(s, &nothing), cudaErrorStreamCaptureInvalidated);
  OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal));
  void* q;
  EXPECT_EQ(cudaMalloc(&q, 16), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(s, &nothing), cudaErrorStreamCaptureInvalidated);
  OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeRelaxed));
  OK(cudaMalloc(&q, 16));
  OK(cudaFree(q));
  OK(cudaStreamEndCapture(s, &nothing));
  OK(cudaGraphDestroy(nothing));
  cudaStream_t blocking;
  OK(cudaStreamCreate(&blocking));
  OK(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeGlobal));
  EXPECT_EQ(cudaMemsetAsync(a, 0, 4, nullptr), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(cudaStreamEndCapture(blocking, &nothing), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(cudaStreamEndCapture(blocking, &nothing), cudaErrorIllegalState);
  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal), cudaErrorStreamCaptureUnsupported);
  cudaEvent_t before;
  OK(cudaEventCreate(&before));
  OK(cudaEventRecord(before, side));
  OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal));
  EXPECT_EQ(cudaStreamWaitEvent(s, before, 0), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(cudaStreamEndCapture(s, &nothing), cudaErrorStreamCaptureInvalidated);
  (void)cudaGetLastError();

  OK(cudaEventDestroy(before));
  for (cudaGraph_t x : {g, g2, other, made, outer}) OK(cudaGraphDestroy(x));
  EXPECT_EQ(cudaGraphDestroy(g), cudaErrorInvalidValue);
  OK(cudaGraphExecDestroy(exec));
  OK(cudaGraphExecDestroy(outer_exec));
  OK(cudaStreamDestroy(s));
  OK(cudaStreamDestroy(side));
  OK(cudaStreamDestroy(blocking));
  OK(cudaFreeHost(pinned));
  OK(cudaFree(a));
  OK(cudaFree(b));
  OK(cudaFree(out));
  return finish("graphs");
}
