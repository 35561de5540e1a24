#include "engine/vision_plan.h"

#include <algorithm>

#include "core/arena.h"
#include "sclip/error.h"

namespace sclip {

WindowShape window_shape(const VisionWeights& weights, int64_t grid_h, int64_t grid_w) {
  return {.grid_h = grid_h,
          .grid_w = grid_w,
          .tokens = 1 + grid_h * grid_w,
          .width = weights.config.width,
          .heads = weights.config.heads,
          .head_dim = weights.config.head_dim(),
          .embed_dim = weights.embed_dim,
          .activation = weights.activation};
}

VisionPlan::VisionPlan(const VisionWeights& weights, const Backend& backend, int64_t max_batch, int64_t grid_h,
                       int64_t grid_w, const PlanNeeds& needs)
    : max_batch_(max_batch), shape_(window_shape(weights, grid_h, grid_w)), position_rule_(needs.positions) {
  const int64_t patch = weights.config.patch_size;
  SCLIP_CHECK(grid_h > 0 && grid_w > 0, kInvalidArgument, "a window of ", grid_w, "×", grid_h,
              " patches is empty: it is smaller than a patch of ", patch,
              " pixels; use a larger crop or short side, or a photo less narrow");
  const int64_t n = shape_.tokens, c = shape_.width;
  const auto element = static_cast<int64_t>(size_of(weights.activation));

  ArenaPlan arena;
  const auto add = [&](int64_t window_bytes) { return arena.add(static_cast<size_t>(max_batch * window_bytes)); };
  tokens_ = add(n * c * 4);
  normed_ = add(n * c * element);
  qkv_ = add(n * 3 * c * element);
  hidden_ = add(n * weights.config.mlp_width * element);
  for (const BufferNeed& need : needs.buffers) {
    SCLIP_CHECK(find_buffer(need.name) == nullptr, kInternal, "a dense head asks for two buffers '", need.name, "'");
    buffers_.push_back({need, add(need.window_bytes)});
  }
  bytes_ = arena.total();

  const auto copy = [&](const std::vector<float>& values) {
    return backend.make_constant(
        {.data = values.data(), .dtype = DType::kF32, .shape = {static_cast<int64_t>(values.size())}});
  };
  positions_ = copy(
      needs.positions(weights.positions.data(), static_cast<int64_t>(weights.positions.size()) / c, c, grid_h, grid_w));
  for (const ConstantNeed& need : needs.constants) constants_.push_back({need.name, copy(need.values())});
}

bool VisionPlan::serves(int64_t count, int64_t grid_h, int64_t grid_w, const PlanNeeds& needs) const {
  return max_batch_ >= count && shape_.grid_h == grid_h && shape_.grid_w == grid_w &&
         position_rule_ == needs.positions &&
         std::all_of(needs.buffers.begin(), needs.buffers.end(),
                     [&](const BufferNeed& need) {
                       const Buffer* buffer = find_buffer(need.name);
                       return buffer != nullptr && buffer->need == need;
                     }) &&
         std::all_of(needs.constants.begin(), needs.constants.end(),
                     [&](const ConstantNeed& need) { return find_constant(need.name) != nullptr; });
}

void* VisionPlan::buffer(std::string_view name) const {
  const Buffer* found = find_buffer(name);
  SCLIP_CHECK(found != nullptr, kInternal, "the plan has no buffer '", name, "': the dense head did not ask for it");
  return at(found->offset);
}

const float* VisionPlan::constant(std::string_view name) const {
  const Constant* found = find_constant(name);
  SCLIP_CHECK(found != nullptr, kInternal, "the plan has no constant '", name, "': the dense head did not ask for it");
  return static_cast<const float*>(found->memory->data());
}

const VisionPlan::Buffer* VisionPlan::find_buffer(std::string_view name) const {
  for (const Buffer& buffer : buffers_) {
    if (buffer.need.name == name) return &buffer;
  }
  return nullptr;
}

const VisionPlan::Constant* VisionPlan::find_constant(std::string_view name) const {
  for (const Constant& constant : constants_) {
    if (constant.name == name) return &constant;
  }
  return nullptr;
}

}  // namespace sclip
