// BlockRunner: the image tower over one batch of windows, driven block by block or, inside a block, step by step.
//
// The program of a read-out is a list of calls of this object and of the stream's kernels. It holds references only.
//   x += out(attention(qkv(ln_1(x))));  x += mlp(ln_2(x))        features = unit(projection(ln_post(x)))
// Blocks count from 0. Between two blocks `tokens()` is the residual stream, and may be read, kept or changed.
#pragma once

#include "backends/backend.h"
#include "engine/vision_plan.h"
#include "engine/vision_weights.h"
#include "kernels/attention/attention.h"
#include "kernels/patch_embed/patch_embed.h"

namespace sclip {

// Windows of one photo that are encoded together.
struct WindowBatch {
  const float* image = nullptr;                 // (3, H, W) normalised, backend memory
  int64_t height = 0, width = 0;                // H, W
  const PatchOrigin* windows = nullptr;         // (batch), backend memory
  int64_t batch = 0;                            // B
  int64_t window_height = 0, window_width = 0;  // of every window, pixels
  const float* photo = nullptr;                 // what DenseHead::read_photo wrote, backend memory; or null
};

// Some rows of C floats of each window: all tokens, or the patches alone. Rows lie one behind the other.
struct TokenRows {
  float* data = nullptr;  // (B, rows, C), backend memory
  int64_t rows = 0;       // of a window
  int64_t stride = 0;     // floats from a window to the next
};

class BlockRunner {
 public:
  // The tokens of `windows` are in the plan already: VisionEncoder::begin.
  BlockRunner(const VisionWeights& weights, Stream& stream, const VisionPlan& plan, const WindowBatch& windows);

  Stream& stream() const { return stream_; }
  const VisionPlan& plan() const { return plan_; }
  const WindowShape& shape() const { return plan_.shape(); }
  const WindowBatch& windows() const { return windows_; }
  int64_t batch() const { return windows_.batch; }
  int blocks() const { return weights_.config.layers; }

  TokenRows tokens() const { return rows_of(plan_.tokens()); }
  TokenRows patches() const { return without_class_token(tokens()); }
  TokenRows class_tokens() const { return {plan_.tokens(), 1, tokens().stride}; }
  // The same views of a second stream (B, N, C) in a buffer of the head's.
  TokenRows rows_of(float* stream) const { return {stream, shape().tokens, shape().tokens * shape().width}; }
  TokenRows without_class_token(TokenRows all) const { return {all.data + shape().width, all.rows - 1, all.stride}; }

  float* buffer(std::string_view name) const { return static_cast<float*>(plan_.buffer(name)); }
  const float* constant(std::string_view name) const { return plan_.constant(name); }

  // Blocks first … last − 1 as CLIP runs them.
  void run_blocks(int first, int last);
  // One block, with attention parameters of its own, made from `attention()`: other scores, probabilities to keep.
  void run_block(int block, const AttentionParams& attention);
  // Copies the residual stream, (B, N, C), as it is between the last block and the next.
  void keep_tokens(float* copy);

  // The steps of a block. The plan's `normed` and `qkv` carry values from one to the next.
  void project_qkv(int block, TokenRows x);  // qkv = in_proj(ln_1(x)), the windows one behind the other
  void project_qkv(int block, TokenRows x, const Linear& in_proj);  // with a matrix of the head's own, C → 3C
  AttentionParams attention(int64_t tokens) const;  // CLIP's own over what project_qkv left; writes `normed`
  AttentionParams attention() const { return attention(shape().tokens); }
  void add_attention(int block, TokenRows x);  // x += out_proj(normed); x without gaps
  void write_last_attention(TokenRows x);      // x = out_proj(normed) of the last block; x without gaps
  void add_mlp(int block, TokenRows x);        // x += mlp(ln_2(x)); x without gaps
  // The tower's end: unit features (B, rows, E).
  void project(TokenRows x, float* features);

 private:
  void norm(const NormWeights& ln, TokenRows x);  // into `normed`
  int64_t dense_rows(TokenRows x) const;          // rows of the batch; throws where they have gaps

  const VisionWeights& weights_;
  Stream& stream_;
  const VisionPlan& plan_;
  WindowBatch windows_;
};

}  // namespace sclip
