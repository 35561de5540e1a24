// SC-CLIP and the two read-outs that its program was changed into, DIH-CLIP and SFP: features of an early and a late
// block say which patches are alike; the last block attends among those, twice, over its own input and over a sum of
// earlier ones; the result is mixed among patches that the early block finds alike.
#pragma once

#include "engine/dense_head/policy.h"

namespace sclip {

// Residual streams F_l by the number of the block behind which they stand, from 1.
struct CalibrationDepths {
  int early = 0, late = 0;          // whose patches' cosines are read
  int sum_first = 0, sum_last = 0;  // F_first + … + F_last is the second pass's input

  // Of a tower of `blocks` ≥ 2: the published ones for 12 and 24; for other depths those of 12, by block_at_depth and
  // before the last block.
  static CalibrationDepths of(int blocks);
};

struct CalibrationOptions {
  CalibrationDepths depths;
  float threshold = 0.4f;     // of cosines: lower ones count as 0
  float class_weight = 0.3f;  // of the class token, added to each patch
  float temperature = 1.0f;   // HeadInputs::temperature
};

class SelfCalibratedHead : public DenseHead {
 public:
  SelfCalibratedHead(const CalibrationOptions& options, const Words& words) : DenseHead(words), options_(options) {}

  PlanNeeds needs(const WindowShape& shape) const override;
  void encode(BlockRunner& runner, float* features) const final;

 protected:
  enum class Pass { kFirst, kSecond };

  // What the read-outs differ in.
  // Runs block `number`, from 1.
  virtual void run(BlockRunner& runner, int number) const { runner.run_blocks(number - 1, number); }
  // Patches of which the late cosines are made, into late(). The stream is as the late block left it.
  virtual void keep_late(BlockRunner& runner) const;
  // Fills mask() and says what becomes of a marked patch without an unmarked neighbour; or there are no outliers.
  // input() holds the patches that reach the last block.
  struct Outliers {
    bool marked = false, zero_if_alone = false;
  };
  virtual Outliers mark_outliers(BlockRunner&) const { return {}; }
  // The last block's attention among the patches, from q, k and v in the plan into `normed`.
  virtual void attend(BlockRunner& runner, Pass pass) const = 0;
  virtual bool attends_kept_only() const { return false; }  // whether lower cosines than the threshold's are 0 in it

  // Attention of the last block among patches, with nothing of what the read-outs add.
  AttentionParams last_attention(const BlockRunner& runner) const;
  // The softmax of the late cosines above their mean, for AttentionParams::added.
  static AttentionMatrix late_attention(const BlockRunner& runner);
  static TokenRows late(const BlockRunner& runner) { return dense(runner, "late patches"); }
  static TokenRows input(const BlockRunner& runner) { return dense(runner, "patches"); }
  static int32_t* mask(const BlockRunner& runner);
  static void add(BlockRunner& runner, TokenRows from, float weight, TokenRows to, float to_weight);
  const CalibrationOptions& options() const { return options_; }

 private:
  static TokenRows dense(const BlockRunner& runner, std::string_view buffer);
  // Cosines of the patches `x` with each other, (B, h·w, h·w).
  void cosines(BlockRunner& runner, TokenRows x, float* out) const;
  void mix(BlockRunner& runner, const float* map, TokenRows x, TokenRows out) const;  // out = map · x
  void run_to_last(BlockRunner& runner) const;
  void repair(BlockRunner& runner) const;

  CalibrationOptions options_;
};

// For rows of the policies' table, with calibration_options().
std::vector<PolicyOption> calibration_options();
std::shared_ptr<const DenseHead> make_sc_clip(const Policy& policy, const HeadInputs& inputs);
std::shared_ptr<const DenseHead> make_dih_clip(const Policy& policy, const HeadInputs& inputs);
std::shared_ptr<const DenseHead> make_sfp(const Policy& policy, const HeadInputs& inputs);

// What their makers read from the inputs. Throws kInvalidArgument for a tower of one block, or a wrong class-weight.
CalibrationOptions read_calibration(const Policy& policy, const HeadInputs& inputs);

}  // namespace sclip
