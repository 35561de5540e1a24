// MatmulPlans: oneDNN's matrix products, made once a shape and kept for the latest shapes.
//
// oneDNN computes on its caller's thread alone here; the work is divided among a ThreadPool's threads by who calls it.
// So nothing depends on OpenMP, whose settings belong to the host program.
#pragma once

#include <dnnl.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

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

// A product, and oneDNN's objects that it is run with, one set for each of `threads` from the start, more where more
// are in it at a time. They are kept from call to call, so that nothing here allocates.
class MatmulPlan {
 public:
  MatmulPlan(const dnnl::matmul::primitive_desc& description, const dnnl::engine& engine, bool bias, int threads);
  ~MatmulPlan();
  MatmulPlan(const MatmulPlan&) = delete;
  MatmulPlan& operator=(const MatmulPlan&) = delete;

  size_t scratch_bytes() const { return scratch_bytes_; }
  // On this thread alone; any number of threads at once. `bias` and `scratch` where the product has them.
  // Throws dnnl::error.
  void run(const void* x, const std::byte* weights, const float* bias, void* y, std::byte* scratch) const;

 private:
  class Call;
  std::unique_ptr<Call> take() const;
  void give_back(std::unique_ptr<Call> call) const;

  dnnl::engine engine_;
  dnnl::matmul primitive_;
  dnnl::memory::desc source_, weights_, destination_;
  bool bias_;
  size_t scratch_bytes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Call>> idle_;
};

// Thread-safe.
class MatmulPlans {
 public:
  // `threads` is how many multiply at a time.
  MatmulPlans(const dnnl::engine& engine, int threads) : engine_(engine), threads_(threads) {}

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
  int threads_;
  PlanCache<MatmulShape, MatmulPlan> latest_{kPlans};
};

}  // namespace sclip
