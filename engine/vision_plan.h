// VisionPlan: the image tower's memory for one shape of batch: activations, what a dense head adds to them, positions.
//
// Planned in one table, so that one allocation holds it and nothing allocates while windows are encoded. Belongs to one
// thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "engine/position_table.h"
#include "engine/vision_weights.h"

namespace sclip {

// Memory that is written and read within one batch of windows. Its content does not outlive the batch.
struct BufferNeed {
  std::string name;
  int64_t window_bytes = 0;  // for each window of the batch

  bool operator==(const BufferNeed&) const = default;
};

// Numbers that depend on nothing but the grid and what `name` says: "locality, sigma 5". Computed once per plan.
struct ConstantNeed {
  std::string name;
  std::function<std::vector<float>()> values;
};

// What a plan holds besides the tower's own activations.
struct PlanNeeds {
  std::vector<BufferNeed> buffers;
  std::vector<ConstantNeed> constants;
  PositionRule positions = position_table;
};

// The windows of one plan, for whoever sizes buffers.
struct WindowShape {
  int64_t grid_h = 0, grid_w = 0;  // h, w
  int64_t tokens = 0;              // N = 1 + h·w
  int64_t width = 0;               // C
  int64_t heads = 0;               // A
  int64_t head_dim = 0;            // d
  int64_t embed_dim = 0;           // E
  DType activation = DType::kF32;

  int64_t patches() const { return grid_h * grid_w; }
};

WindowShape window_shape(const VisionWeights& weights, int64_t grid_h, int64_t grid_w);

class VisionPlan {
 public:
  // Throws kInvalidArgument for a window without a patch.
  VisionPlan(const VisionWeights& weights, const Backend& backend, int64_t max_batch, int64_t grid_h, int64_t grid_w,
             const PlanNeeds& needs);

  // What the activations and buffers take. `use` says where: backend memory on a 64-byte boundary, which plans that are
  // not in use at the same time may share.
  size_t bytes() const { return bytes_; }
  void use(void* arena) { arena_ = static_cast<std::byte*>(arena); }

  int64_t max_batch() const { return max_batch_; }
  const WindowShape& shape() const { return shape_; }
  // Whether `count` windows of this grid can be encoded here by a head with these needs.
  bool serves(int64_t count, int64_t grid_h, int64_t grid_w, const PlanNeeds& needs) const;

  // The tower's own activations, each for max_batch windows.
  float* tokens() const { return static_cast<float*>(at(tokens_)); }  // (B, N, C): the residual stream
  void* normed() const {
    return at(normed_);
  }                                       // (B, N, C) activations: input of a product; also the attention's output
  void* qkv() const { return at(qkv_); }  // (B, N, 3, A, d) activations
  void* hidden() const { return at(hidden_); }                                              // (B, N, F) activations
  const float* positions() const { return static_cast<const float*>(positions_->data()); }  // (N, C)

  // What PlanNeeds asked for. Throws kInternal for a name that it did not contain.
  void* buffer(std::string_view name) const;
  const float* constant(std::string_view name) const;

 private:
  struct Buffer {
    BufferNeed need;
    size_t offset = 0;
  };
  struct Constant {
    std::string name;
    std::unique_ptr<Memory> memory;
  };
  void* at(size_t offset) const { return arena_ + offset; }
  const Buffer* find_buffer(std::string_view name) const;
  const Constant* find_constant(std::string_view name) const;

  int64_t max_batch_ = 0;
  WindowShape shape_;
  PositionRule position_rule_;
  size_t bytes_ = 0;
  std::byte* arena_ = nullptr;  // the caller's
  std::unique_ptr<Memory> positions_;
  size_t tokens_ = 0, normed_ = 0, qkv_ = 0, hidden_ = 0;  // offsets in the arena
  std::vector<Buffer> buffers_;
  std::vector<Constant> constants_;
};

}  // namespace sclip
