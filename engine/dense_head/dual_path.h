// Heads with two residual streams over the tower's second half (GEM, CLIP Surgery). The blocks from the seventh of
// twelve on run as CLIP's own on the first stream. The second one starts as a copy of it and takes from every block
// what another attention makes of the first stream's q, k and v; no MLP touches it, and its patches are the features.
#pragma once

#include "engine/dense_head/dense_head.h"

namespace sclip {

class DualPathHead : public DenseHead {
 public:
  PlanNeeds needs(const WindowShape& shape) const override;
  void encode(BlockRunner& runner, float* features) const override;

 protected:
  DualPathHead(const HeadInputs& inputs, PositionRule positions)
      : DenseHead(inputs.words), positions_(positions), temperature_(inputs.temperature) {}

  // Follows project_qkv of the first stream, whose ln_1 is still in the plan's `normed`: writes the second stream's
  // attention there. Its scores are divided by `temperature`.
  virtual void attend(BlockRunner& runner, float temperature) const = 0;
  // Whether the first stream is wanted after the last block. If not, it is left behind there.
  virtual bool finishes_first_stream() const { return false; }

 private:
  PositionRule positions_;
  float temperature_;
};

}  // namespace sclip
