// Graphs: nodes with dependencies, and their executable form. A launch runs the nodes in a random order (of the seed)
// that the dependencies allow, so that a missing one shows.
#pragma once
#include <cuda_runtime_api.h>

#include <memory>
#include <vector>

#include "runtime/op.h"

namespace cudasim {

struct Graph;

struct GraphNode {
  Graph* graph = nullptr;
  OpPtr op;
  std::vector<GraphNode*> deps;
  Graph* child = nullptr;  // of a child graph node, owned
};

struct Graph {
  std::vector<std::unique_ptr<GraphNode>> nodes;  // in order of creation
  GraphNode* add(OpPtr op, std::vector<GraphNode*> deps);
  void remove(GraphNode* n);
  ~Graph();
};

Graph* create_graph();
Graph* clone_graph(const Graph& g);
void destroy_graph(Graph* g);
Graph* graph_of(cudaGraph_t handle);  // null for an unknown handle
GraphNode* node_of(cudaGraphNode_t handle);

struct ExecStep {
  OpPtr op;
  const GraphNode* origin = nullptr;
  std::vector<uint32_t> deps;  // indices of steps
  bool enabled = true;
};

struct GraphExec {
  std::shared_ptr<const std::vector<ExecStep>> steps;  // replaced by an update; a launch keeps the one it began with
};

// Null when the dependencies have a cycle.
GraphExec* instantiate(const Graph& g);
void destroy_exec(GraphExec* e);
GraphExec* exec_of(cudaGraphExec_t handle);
bool acyclic(const Graph& g);

// Runs a child graph.
struct ChildOp : DeviceOp {
  std::shared_ptr<const std::vector<ExecStep>> steps;
  cudaGraphNodeType type() const override { return cudaGraphNodeTypeGraph; }
  cudaError_t run() const override;
};
std::shared_ptr<const std::vector<ExecStep>> steps_of(const Graph& g);

}  // namespace cudasim
