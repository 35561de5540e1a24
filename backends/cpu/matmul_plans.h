// MatmulPlans: oneDNN's matrix products, made once a shape and kept for the latest shapes.
//
// oneDNN computes on its caller's thread alone here; the work is divided among a ThreadPool's threads by who calls it.
// So nothing depends on OpenMP, whose settings belong to the host program.
#pragma once

#include <dnnl.hpp>

#include <cstdint>
#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/plan_cache.h"

namespace sclip {

// oneDNN uses one thread for what is made and executed on this thread during the object's life.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;  // this thread's OpenMP setting
};

struct MatmulShape {
  int64_t rows = 0;     // of x and y
  int64_t inputs = 0;   // columns of x
  int64_t outputs = 0;  // columns of y
  DType input = DType::kF32;
  DType output = DType::kF32;
  Epilogue epilogue = Epilogue::kNone;
  bool bias = false;
  bool operator==(const MatmulShape&) const = default;
};

struct MatmulPlan {
  dnnl::matmul primitive;
  dnnl::memory::desc source, destination;
  size_t scratch_bytes = 0;
};

// Thread-safe.
class MatmulPlans {
 public:
  explicit MatmulPlans(const dnnl::engine& engine) : engine_(engine) {}

  // The layout that products of this shape read their weights in.
  dnnl::memory::desc packed_weights(const MatmulShape& shape) const;
  // `weights` as packed_weights tells for this shape, whatever its rows. `name` is for errors.
  std::shared_ptr<const MatmulPlan> get(const MatmulShape& shape, const dnnl::memory::desc& weights,
                                        const std::string& name);
  void trim() { latest_.clear(); }

 private:
  dnnl::matmul::primitive_desc describe(const MatmulShape& shape, const dnnl::memory::desc& weights) const;

  // A model has about 7 products a tower, and 6 row counts are in use at a time: whole windows, shorter ones at the
  // edges, and the pieces that threads take of them. A plan holds some 30 KiB of machine code.
  static constexpr size_t kPlans = 128;
  dnnl::engine engine_;
  PlanCache<MatmulShape, MatmulPlan> latest_{kPlans};
};

}  // namespace sclip
