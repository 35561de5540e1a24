#include "runtime/graph.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "sim/options.h"

namespace cudasim {

namespace {
std::unordered_set<Graph*>& graphs() {
  static auto* g = new std::unordered_set<Graph*>;
  return *g;
}
std::unordered_set<GraphNode*>& nodes() {
  static auto* n = new std::unordered_set<GraphNode*>;
  return *n;
}
std::unordered_set<GraphExec*>& execs() {
  static auto* e = new std::unordered_set<GraphExec*>;
  return *e;
}

template <class T, class Handle>
T* known(const std::unordered_set<T*>& set, Handle handle) {
  T* p = reinterpret_cast<T*>(handle);
  return set.count(p) ? p : nullptr;
}

uint64_t next_random() {
  static uint64_t s = (options().seed + 1) * 0x9E3779B97F4A7C15ull | 1;
  s ^= s << 13;
  s ^= s >> 7;
  s ^= s << 17;
  return s;
}
}  // namespace

GraphNode* Graph::add(OpPtr op, std::vector<GraphNode*> deps) {
  auto n = std::make_unique<GraphNode>();
  n->graph = this;
  n->op = std::move(op);
  n->deps = std::move(deps);
  cudasim::nodes().insert(n.get());
  nodes.push_back(std::move(n));
  return nodes.back().get();
}

void Graph::remove(GraphNode* n) {
  cudasim::nodes().erase(n);
  destroy_graph(n->child);
  std::erase_if(nodes, [&](const auto& x) { return x.get() == n; });
}

Graph::~Graph() {
  for (auto& n : nodes) {
    cudasim::nodes().erase(n.get());
    destroy_graph(n->child);
  }
}

Graph* create_graph() {
  auto* g = new Graph;
  graphs().insert(g);
  return g;
}

Graph* clone_graph(const Graph& g) {
  Graph* copy = create_graph();
  std::unordered_map<const GraphNode*, GraphNode*> twin;
  for (auto& n : g.nodes) {
    GraphNode* t = twin[n.get()] = copy->add(n->op, {});
    if (n->child) t->child = clone_graph(*n->child);
  }
  for (auto& n : g.nodes)
    for (GraphNode* d : n->deps) twin[n.get()]->deps.push_back(twin[d]);
  return copy;
}

void destroy_graph(Graph* g) {
  if (!g || !graphs().erase(g)) return;
  delete g;
}

Graph* graph_of(cudaGraph_t handle) {
  return known(graphs(), handle);
}
GraphNode* node_of(cudaGraphNode_t handle) {
  return known(nodes(), handle);
}
GraphExec* exec_of(cudaGraphExec_t handle) {
  return known(execs(), handle);
}

bool acyclic(const Graph& g) {
  std::unordered_set<const GraphNode*> done;
  for (bool progress = true; progress;) {
    progress = false;
    for (auto& n : g.nodes) {
      if (done.count(n.get()) ||
          !std::all_of(n->deps.begin(), n->deps.end(), [&](GraphNode* d) { return done.count(d) != 0; }))
        continue;
      done.insert(n.get());
      progress = true;
    }
  }
  return done.size() == g.nodes.size();
}

std::shared_ptr<const std::vector<ExecStep>> steps_of(const Graph& g) {
  std::unordered_map<const GraphNode*, uint32_t> index;
  for (uint32_t i = 0; i < g.nodes.size(); ++i) index[g.nodes[i].get()] = i;
  auto steps = std::make_shared<std::vector<ExecStep>>();
  for (auto& n : g.nodes) {
    ExecStep s;
    s.op = n->op;
    s.origin = n.get();
    for (GraphNode* d : n->deps) s.deps.push_back(index[d]);
    if (n->child) {
      auto child = std::make_shared<ChildOp>();
      child->steps = steps_of(*n->child);
      s.op = child;
    }
    steps->push_back(std::move(s));
  }
  return steps;
}

GraphExec* instantiate(const Graph& g) {
  if (!acyclic(g)) return nullptr;
  auto* e = new GraphExec;
  e->steps = steps_of(g);
  execs().insert(e);
  return e;
}

void destroy_exec(GraphExec* e) {
  execs().erase(e);
  delete e;
}

cudaError_t ChildOp::run() const {
  std::vector<uint32_t> missing(steps->size());
  std::vector<std::vector<uint32_t>> followers(steps->size());
  std::vector<uint32_t> ready;
  for (uint32_t i = 0; i < steps->size(); ++i) {
    missing[i] = uint32_t((*steps)[i].deps.size());
    if (missing[i] == 0) ready.push_back(i);
    for (uint32_t d : (*steps)[i].deps) followers[d].push_back(i);
  }
  cudaError_t first = cudaSuccess;
  while (!ready.empty()) {
    const size_t pick = next_random() % ready.size();
    const uint32_t i = ready[pick];
    ready[pick] = ready.back();
    ready.pop_back();
    if ((*steps)[i].enabled) {
      const cudaError_t e = (*steps)[i].op->run();
      if (first == cudaSuccess) first = e;
    }
    for (uint32_t f : followers[i])
      if (--missing[f] == 0) ready.push_back(f);
  }
  return first;
}

}  // namespace cudasim
