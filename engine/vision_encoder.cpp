#include "engine/vision_encoder.h"

#include "sclip/error.h"

namespace sclip {

BlockRunner VisionEncoder::begin(Stream& stream, VisionPlan& plan, const WindowBatch& windows) const {
  const WindowShape& shape = plan.shape();
  SCLIP_CHECK(windows.batch > 0 && windows.batch <= plan.max_batch(), kInternal, "a batch of ", windows.batch,
              " windows in a plan for ", plan.max_batch());
  SCLIP_CHECK(
      windows.window_height / patch_size() == shape.grid_h && windows.window_width / patch_size() == shape.grid_w,
      kInternal, "windows of ", windows.window_width, "×", windows.window_height, " pixels in a plan for ",
      shape.grid_w, "×", shape.grid_h, " patches");
  stream.patch_embed({.image = windows.image,
                      .windows = windows.windows,
                      .class_embedding = static_cast<const float*>(weights_.class_embedding->data()),
                      .positions = plan.positions(),
                      .gamma = weights_.ln_pre.g(),
                      .beta = weights_.ln_pre.b(),
                      .tokens = plan.tokens(),
                      .dtype = shape.activation,
                      .height = windows.height,
                      .width = windows.width,
                      .batch = windows.batch,
                      .grid_h = shape.grid_h,
                      .grid_w = shape.grid_w,
                      .patch = patch_size(),
                      .cols = shape.width,
                      .eps = weights_.eps},
                     *weights_.patch_embed);
  return {weights_, stream, plan, windows};
}

void VisionEncoder::embed(Stream& stream, VisionPlan& plan, const WindowBatch& windows, float* features) const {
  BlockRunner runner = begin(stream, plan, windows);
  runner.run_blocks(0, runner.blocks());
  runner.project(runner.class_tokens(), features);
}

}  // namespace sclip
