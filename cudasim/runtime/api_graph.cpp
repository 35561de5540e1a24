// Graphs: construction, instantiation, launch, update.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>

#include "runtime/capture.h"
#include "runtime/event.h"
#include "runtime/graph.h"
#include "runtime/launch_kernel.h"
#include "runtime/process.h"
#include "runtime/registry.h"
#include "runtime/stream.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

namespace {

// Runs f on the object behind a handle, with the lock held; an unknown handle is an error.
template <class F>
cudaError_t on_graph(cudaGraph_t handle, F f) {
  std::lock_guard lock(runtime_mutex());
  Graph* g = graph_of(handle);
  return set_error(g ? f(*g) : cudaErrorInvalidValue);
}
template <class F>
cudaError_t on_node(cudaGraphNode_t handle, F f) {
  std::lock_guard lock(runtime_mutex());
  GraphNode* n = node_of(handle);
  return set_error(n ? f(*n) : cudaErrorInvalidValue);
}
template <class F>
cudaError_t on_exec(cudaGraphExec_t handle, F f) {
  std::lock_guard lock(runtime_mutex());
  GraphExec* e = exec_of(handle);
  return set_error(e ? f(*e) : cudaErrorInvalidValue);
}

cudaError_t add_node(cudaGraphNode_t* out, cudaGraph_t graph, const cudaGraphNode_t* deps, size_t count, OpPtr op,
                     Graph* child = nullptr) {
  return on_graph(graph, [&](Graph& g) {
    std::vector<GraphNode*> before;
    for (size_t i = 0; i < count; ++i) {
      GraphNode* d = node_of(deps[i]);
      if (!d || d->graph != &g) return cudaErrorInvalidValue;
      before.push_back(d);
    }
    GraphNode* n = g.add(std::move(op), std::move(before));
    n->child = child;
    *out = reinterpret_cast<cudaGraphNode_t>(n);
    return cudaSuccess;
  });
}

OpPtr kernel_op(const cudaKernelNodeParams& p, cudaError_t* error) {
  if (p.extra) {
    *error = unsupported_call("A kernel node with `extra` arguments");
    return nullptr;
  }
  return make_kernel_op(find_kernel(p.func), p.gridDim, p.blockDim, p.kernelParams, p.sharedMemBytes, false, error);
}

OpPtr copy_1d(void* dst, const void* src, size_t bytes, cudaMemcpyKind kind, cudaError_t* error) {
  return make_copy("cudaGraphAddMemcpyNode", dst, bytes, src, bytes, bytes, 1, kind, false, error);
}

OpPtr copy_3d(const cudaMemcpy3DParms& p, cudaError_t* error) {
  if (p.srcArray || p.dstArray || p.extent.depth > 1) {
    *error = unsupported_call("A memcpy node with arrays or a depth");
    return nullptr;
  }
  auto* dst = static_cast<char*>(p.dstPtr.ptr) + p.dstPos.y * p.dstPtr.pitch + p.dstPos.x;
  const auto* src = static_cast<const char*>(p.srcPtr.ptr) + p.srcPos.y * p.srcPtr.pitch + p.srcPos.x;
  return make_copy("cudaGraphAddMemcpyNode", dst, p.dstPtr.pitch, src, p.srcPtr.pitch, p.extent.width,
                   std::max<size_t>(p.extent.height, 1), p.kind, false, error);
}

template <class T>
const T* op_as(const GraphNode& n) {
  return dynamic_cast<const T*>(n.op.get());
}

// Replaces a node's operation by one of the same type.
cudaError_t set_op(cudaGraphNode_t node, cudaGraphNodeType type, OpPtr op, cudaError_t error) {
  if (!op) return set_error(error);
  return on_node(node, [&](GraphNode& n) {
    if (n.op->type() != type) return cudaErrorInvalidValue;
    n.op = op;
    return cudaSuccess;
  });
}

// The same in an executable graph; launches that were queued before keep what they had.
cudaError_t set_exec_op(cudaGraphExec_t exec, cudaGraphNode_t node, cudaGraphNodeType type, OpPtr op,
                        cudaError_t error) {
  if (!op) return set_error(error);
  return on_exec(exec, [&](GraphExec& e) {
    auto steps = std::make_shared<std::vector<ExecStep>>(*e.steps);
    for (ExecStep& s : *steps) {
      if (s.origin != reinterpret_cast<const GraphNode*>(node)) continue;
      if (s.op->type() != type) return cudaErrorInvalidValue;
      s.op = op;
      e.steps = steps;
      return cudaSuccess;
    }
    return cudaErrorInvalidValue;
  });
}

void list_nodes(const std::vector<GraphNode*>& nodes, cudaGraphNode_t* out, size_t* count) {
  if (!out) {
    *count = nodes.size();
    return;
  }
  for (size_t i = 0; i < *count; ++i) out[i] = i < nodes.size() ? reinterpret_cast<cudaGraphNode_t>(nodes[i]) : nullptr;
  *count = std::min(*count, nodes.size());
}

cudaError_t instantiate_into(cudaGraphExec_t* out, cudaGraph_t graph, unsigned long long flags,
                             cudaGraphInstantiateResult* result) {
  if (flags & cudaGraphInstantiateFlagDeviceLaunch)
    return unsupported_call("Graph instantiation for launches from the device");
  return on_graph(graph, [&](Graph& g) {
    GraphExec* e = instantiate(g);
    *out = reinterpret_cast<cudaGraphExec_t>(e);
    if (result) *result = e ? cudaGraphInstantiateSuccess : cudaGraphInstantiateInvalidStructure;
    return e ? cudaSuccess : cudaErrorInvalidValue;
  });
}

}  // namespace

API cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned flags) {
  if (!graph || flags) return set_error(cudaErrorInvalidValue);
  std::lock_guard lock(runtime_mutex());
  *graph = reinterpret_cast<cudaGraph_t>(create_graph());
  return cudaSuccess;
}
API cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return on_graph(graph, [](Graph& g) {
    destroy_graph(&g);
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphClone(cudaGraph_t* out, cudaGraph_t graph) {
  return on_graph(graph, [&](Graph& g) {
    *out = reinterpret_cast<cudaGraph_t>(clone_graph(g));
    return cudaSuccess;
  });
}

// ---- Nodes.
API cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* deps,
                                       size_t count, const cudaKernelNodeParams* p) {
  cudaError_t e;
  OpPtr op = kernel_op(*p, &e);
  return op ? add_node(node, graph, deps, count, std::move(op)) : set_error(e);
}
API cudaError_t cudaGraphAddMemcpyNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* deps,
                                       size_t count, const cudaMemcpy3DParms* p) {
  cudaError_t e;
  OpPtr op = copy_3d(*p, &e);
  return op ? add_node(node, graph, deps, count, std::move(op)) : set_error(e);
}
API cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* deps,
                                         size_t count, void* dst, const void* src, size_t bytes, cudaMemcpyKind kind) {
  cudaError_t e;
  OpPtr op = copy_1d(dst, src, bytes, kind, &e);
  return op ? add_node(node, graph, deps, count, std::move(op)) : set_error(e);
}
API cudaError_t cudaGraphAddMemsetNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* deps,
                                       size_t count, const cudaMemsetParams* p) {
  cudaError_t e;
  OpPtr op = make_fill("cudaGraphAddMemsetNode", *p, &e);
  return op ? add_node(node, graph, deps, count, std::move(op)) : set_error(e);
}
API cudaError_t cudaGraphAddHostNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* deps,
                                     size_t count, const cudaHostNodeParams* p) {
  if (!p->fn) return set_error(cudaErrorInvalidValue);
  return add_node(node, graph, deps, count, std::make_shared<HostOp>(*p));
}
API cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* deps,
                                      size_t count) {
  return add_node(node, graph, deps, count, std::make_shared<EmptyOp>());
}
API cudaError_t cudaGraphAddChildGraphNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* deps,
                                           size_t count, cudaGraph_t child) {
  return on_graph(child, [&](Graph& c) {
    Graph* copy = clone_graph(c);
    auto op = std::make_shared<ChildOp>();
    op->steps = steps_of(*copy);
    const cudaError_t e = add_node(node, graph, deps, count, op, copy);
    if (e != cudaSuccess) destroy_graph(copy);
    return e;
  });
}
API cudaError_t cudaGraphAddEventRecordNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* deps,
                                            size_t count, cudaEvent_t event) {
  Event* e = event_of(event);
  return e ? add_node(node, graph, deps, count, graph_record_op(*e)) : set_error(cudaErrorInvalidValue);
}
API cudaError_t cudaGraphAddEventWaitNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* deps,
                                          size_t count, cudaEvent_t event) {
  Event* e = event_of(event);
  return e ? add_node(node, graph, deps, count, graph_wait_op(*e)) : set_error(cudaErrorInvalidValue);
}
API cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t* from, const cudaGraphNode_t* to,
                                         const cudaGraphEdgeData* edges, size_t count) {
  if (edges) return unsupported_call("cudaGraphAddDependencies with edge data");
  return on_graph(graph, [&](Graph& g) {
    for (size_t i = 0; i < count; ++i) {
      GraphNode *a = node_of(from[i]), *b = node_of(to[i]);
      if (!a || !b || a->graph != &g || b->graph != &g || a == b) return cudaErrorInvalidValue;
      if (std::find(b->deps.begin(), b->deps.end(), a) != b->deps.end()) return cudaErrorInvalidValue;
      b->deps.push_back(a);
    }
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphRemoveDependencies(cudaGraph_t graph, const cudaGraphNode_t* from, const cudaGraphNode_t* to,
                                            const cudaGraphEdgeData* edges, size_t count) {
  if (edges) return unsupported_call("cudaGraphRemoveDependencies with edge data");
  return on_graph(graph, [&](Graph&) {
    for (size_t i = 0; i < count; ++i) {
      GraphNode *a = node_of(from[i]), *b = node_of(to[i]);
      if (!a || !b || !std::erase(b->deps, a)) return cudaErrorInvalidValue;
    }
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphDestroyNode(cudaGraphNode_t node) {
  return on_node(node, [](GraphNode& n) {
    Graph& g = *n.graph;
    for (auto& other : g.nodes) std::erase(other->deps, &n);
    g.remove(&n);
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  return on_node(node, [&](GraphNode& n) {
    *type = n.op->type();
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* out, size_t* count) {
  return on_graph(graph, [&](Graph& g) {
    std::vector<GraphNode*> all;
    for (auto& n : g.nodes) all.push_back(n.get());
    list_nodes(all, out, count);
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphGetRootNodes(cudaGraph_t graph, cudaGraphNode_t* out, size_t* count) {
  return on_graph(graph, [&](Graph& g) {
    std::vector<GraphNode*> roots;
    for (auto& n : g.nodes)
      if (n->deps.empty()) roots.push_back(n.get());
    list_nodes(roots, out, count);
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t* from, cudaGraphNode_t* to,
                                  cudaGraphEdgeData* data, size_t* count) {
  return on_graph(graph, [&](Graph& g) {
    size_t n = 0;
    for (auto& node : g.nodes)
      for (GraphNode* d : node->deps) {
        if (from && n < *count) {
          from[n] = reinterpret_cast<cudaGraphNode_t>(d);
          to[n] = reinterpret_cast<cudaGraphNode_t>(node.get());
          if (data) data[n] = cudaGraphEdgeData{};
        }
        ++n;
      }
    *count = from ? std::min(*count, n) : n;
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t* out, cudaGraphEdgeData* edges,
                                             size_t* count) {
  return on_node(node, [&](GraphNode& n) {
    list_nodes(n.deps, out, count);
    if (edges && out) std::fill_n(edges, *count, cudaGraphEdgeData{});
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphNodeGetDependentNodes(cudaGraphNode_t node, cudaGraphNode_t* out, cudaGraphEdgeData* edges,
                                               size_t* count) {
  return on_node(node, [&](GraphNode& n) {
    std::vector<GraphNode*> followers;
    for (auto& other : n.graph->nodes)
      if (std::find(other->deps.begin(), other->deps.end(), &n) != other->deps.end()) followers.push_back(other.get());
    list_nodes(followers, out, count);
    if (edges && out) std::fill_n(edges, *count, cudaGraphEdgeData{});
    return cudaSuccess;
  });
}

// ---- Parameters of nodes.
API cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, cudaKernelNodeParams* p) {
  return on_node(node, [&](GraphNode& n) {
    if (n.op->type() != cudaGraphNodeTypeKernel) return cudaErrorInvalidValue;
    const auto* op = op_as<KernelOp>(n);
    if (!op) return unsupported_call("cudaGraphKernelNodeGetParams of a node that a CUDA library captured");
    *p = cudaKernelNodeParams{};
    p->func = const_cast<void*>(op->kernel->host);
    p->gridDim = op->grid;
    p->blockDim = op->block;
    p->sharedMemBytes = op->shared;
    p->kernelParams = op->param_pointers.data();
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t node, const cudaKernelNodeParams* p) {
  cudaError_t e;
  OpPtr op = kernel_op(*p, &e);
  return set_op(node, cudaGraphNodeTypeKernel, std::move(op), e);
}
API cudaError_t cudaGraphMemcpyNodeSetParams1D(cudaGraphNode_t node, void* dst, const void* src, size_t bytes,
                                               cudaMemcpyKind kind) {
  cudaError_t e;
  OpPtr op = copy_1d(dst, src, bytes, kind, &e);
  return set_op(node, cudaGraphNodeTypeMemcpy, std::move(op), e);
}
API cudaError_t cudaGraphMemcpyNodeGetParams(cudaGraphNode_t node, cudaMemcpy3DParms* p) {
  return on_node(node, [&](GraphNode& n) {
    const auto* op = op_as<CopyOp>(n);
    if (!op) return cudaErrorInvalidValue;
    *p = cudaMemcpy3DParms{};
    p->dstPtr = {op->dst, op->dst_pitch, op->width, op->height};
    p->srcPtr = {const_cast<void*>(op->src), op->src_pitch, op->width, op->height};
    p->extent = {op->width, op->height, 1};
    p->kind = op->kind;
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphMemsetNodeGetParams(cudaGraphNode_t node, cudaMemsetParams* p) {
  return on_node(node, [&](GraphNode& n) {
    const auto* op = op_as<FillOp>(n);
    if (!op) return cudaErrorInvalidValue;
    *p = op->params;
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphMemsetNodeSetParams(cudaGraphNode_t node, const cudaMemsetParams* p) {
  cudaError_t e;
  OpPtr op = make_fill("cudaGraphMemsetNodeSetParams", *p, &e);
  return set_op(node, cudaGraphNodeTypeMemset, std::move(op), e);
}
API cudaError_t cudaGraphHostNodeGetParams(cudaGraphNode_t node, cudaHostNodeParams* p) {
  return on_node(node, [&](GraphNode& n) {
    const auto* op = op_as<HostOp>(n);
    if (!op) return cudaErrorInvalidValue;
    *p = op->params;
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphHostNodeSetParams(cudaGraphNode_t node, const cudaHostNodeParams* p) {
  return set_op(node, cudaGraphNodeTypeHost, p->fn ? std::make_shared<HostOp>(*p) : nullptr, cudaErrorInvalidValue);
}
API cudaError_t cudaGraphChildGraphNodeGetGraph(cudaGraphNode_t node, cudaGraph_t* graph) {
  return on_node(node, [&](GraphNode& n) {
    if (!n.child) return cudaErrorInvalidValue;
    *graph = reinterpret_cast<cudaGraph_t>(n.child);
    return cudaSuccess;
  });
}

// ---- Executable graphs.
API cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags) {
  return instantiate_into(exec, graph, flags, nullptr);
}
API cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags) {
  return instantiate_into(exec, graph, flags, nullptr);
}
API cudaError_t cudaGraphInstantiateWithParams(cudaGraphExec_t* exec, cudaGraph_t graph,
                                               cudaGraphInstantiateParams* p) {
  p->errNode_out = nullptr;
  return instantiate_into(exec, graph, p->flags, &p->result_out);
}
API cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t) {
  return on_exec(exec, [](GraphExec&) { return cudaSuccess; });
}
API cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return on_exec(exec, [&](GraphExec& e) {
    auto op = std::make_shared<ChildOp>();  // a launch into a captured stream becomes a child graph
    op->steps = e.steps;
    return enqueue(stream, op);
  });
}
API cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return on_exec(exec, [](GraphExec& e) {
    destroy_exec(&e);
    return cudaSuccess;
  });
}
API cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo* info) {
  cudaGraphExecUpdateResultInfo unused;
  if (!info) info = &unused;
  *info = cudaGraphExecUpdateResultInfo{};
  return on_exec(exec, [&](GraphExec& e) {
    return on_graph(graph, [&](Graph& g) {
      auto fail = [&](cudaGraphExecUpdateResult r, const GraphNode* node) {
        info->result = r;
        info->errorNode = reinterpret_cast<cudaGraphNode_t>(const_cast<GraphNode*>(node));
        return cudaErrorGraphExecUpdateFailure;
      };
      const auto fresh = steps_of(g);
      if (fresh->size() != e.steps->size()) return fail(cudaGraphExecUpdateErrorTopologyChanged, nullptr);
      auto steps = std::make_shared<std::vector<ExecStep>>(*e.steps);
      for (size_t i = 0; i < steps->size(); ++i) {
        const ExecStep& now = (*fresh)[i];
        ExecStep& old = (*steps)[i];
        if (now.op->type() != old.op->type()) return fail(cudaGraphExecUpdateErrorNodeTypeChanged, now.origin);
        std::vector<uint32_t> a = now.deps, b = old.deps;
        std::sort(a.begin(), a.end());
        std::sort(b.begin(), b.end());
        if (a != b) return fail(cudaGraphExecUpdateErrorTopologyChanged, now.origin);
        old.op = now.op;
      }
      e.steps = steps;
      return cudaSuccess;
    });
  });
}
API cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                 const cudaKernelNodeParams* p) {
  cudaError_t e;
  OpPtr op = kernel_op(*p, &e);
  return set_exec_op(exec, node, cudaGraphNodeTypeKernel, std::move(op), e);
}
API cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t exec, cudaGraphNode_t node, void* dst,
                                                   const void* src, size_t bytes, cudaMemcpyKind kind) {
  cudaError_t e;
  OpPtr op = copy_1d(dst, src, bytes, kind, &e);
  return set_exec_op(exec, node, cudaGraphNodeTypeMemcpy, std::move(op), e);
}
API cudaError_t cudaGraphExecMemcpyNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                 const cudaMemcpy3DParms* p) {
  cudaError_t e;
  OpPtr op = copy_3d(*p, &e);
  return set_exec_op(exec, node, cudaGraphNodeTypeMemcpy, std::move(op), e);
}
API cudaError_t cudaGraphExecMemsetNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                 const cudaMemsetParams* p) {
  cudaError_t e;
  OpPtr op = make_fill("cudaGraphExecMemsetNodeSetParams", *p, &e);
  return set_exec_op(exec, node, cudaGraphNodeTypeMemset, std::move(op), e);
}
API cudaError_t cudaGraphExecHostNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                               const cudaHostNodeParams* p) {
  return set_exec_op(exec, node, cudaGraphNodeTypeHost, p->fn ? std::make_shared<HostOp>(*p) : nullptr,
                     cudaErrorInvalidValue);
}
API cudaError_t cudaGraphNodeSetEnabled(cudaGraphExec_t exec, cudaGraphNode_t node, unsigned enabled) {
  return on_exec(exec, [&](GraphExec& e) {
    auto steps = std::make_shared<std::vector<ExecStep>>(*e.steps);
    for (ExecStep& s : *steps) {
      if (s.origin != reinterpret_cast<const GraphNode*>(node)) continue;
      const cudaGraphNodeType t = s.op->type();
      if (t != cudaGraphNodeTypeKernel && t != cudaGraphNodeTypeMemcpy && t != cudaGraphNodeTypeMemset)
        return cudaErrorInvalidValue;
      s.enabled = enabled != 0;
      e.steps = steps;
      return cudaSuccess;
    }
    return cudaErrorInvalidValue;
  });
}
API cudaError_t cudaGraphNodeGetEnabled(cudaGraphExec_t exec, cudaGraphNode_t node, unsigned* enabled) {
  return on_exec(exec, [&](GraphExec& e) {
    for (const ExecStep& s : *e.steps) {
      if (s.origin != reinterpret_cast<const GraphNode*>(node)) continue;
      *enabled = s.enabled;
      return cudaSuccess;
    }
    return cudaErrorInvalidValue;
  });
}
