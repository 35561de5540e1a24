#include "engine/block_runner.h"

#include <cmath>

#include "kernels/l2_normalize/l2_normalize.h"
#include "kernels/layernorm/layernorm.h"
#include "sclip/error.h"

namespace sclip {

BlockRunner::BlockRunner(const VisionWeights& weights, Stream& stream, const VisionPlan& plan,
                         const WindowBatch& windows)
    : weights_(weights), stream_(stream), plan_(plan), windows_(windows) {}

void BlockRunner::run_blocks(int first, int last) {
  for (int i = first; i < last; ++i) run_block(i, attention());
}

void BlockRunner::run_block(int block, const AttentionParams& attention) {
  project_qkv(block, tokens());
  stream_.attention(attention);
  add_attention(block, tokens());
  add_mlp(block, tokens());
}

void BlockRunner::keep_tokens(float* copy) {
  stream_.copy(copy, plan_.tokens(), static_cast<size_t>(batch() * tokens().stride) * sizeof(float));
}

void BlockRunner::project_qkv(int block, TokenRows x) {
  project_qkv(block, x, *weights_.block(block).qkv);
}

void BlockRunner::project_qkv(int block, TokenRows x, const Linear& in_proj) {
  norm(weights_.block(block).ln_1, x);
  stream_.linear(in_proj, plan_.normed(), batch() * x.rows, plan_.qkv());
}

AttentionParams BlockRunner::attention(int64_t tokens) const {
  return {.qkv = plan_.qkv(),
          .out = plan_.normed(),
          .dtype = shape().activation,
          .batch = batch(),
          .tokens = tokens,
          .heads = shape().heads,
          .head_dim = shape().head_dim,
          .softmax_scale = 1.0f / std::sqrt(static_cast<float>(shape().head_dim))};
}

void BlockRunner::add_attention(int block, TokenRows x) {
  stream_.linear(*weights_.block(block).out, plan_.normed(), dense_rows(x), x.data);
}

void BlockRunner::write_last_attention(TokenRows x) {
  stream_.linear(*weights_.last_out, plan_.normed(), dense_rows(x), x.data);
}

void BlockRunner::add_mlp(int block, TokenRows x) {
  const int64_t rows = dense_rows(x);
  norm(weights_.block(block).ln_2, x);
  stream_.linear(*weights_.block(block).fc1, plan_.normed(), rows, plan_.hidden());
  stream_.linear(*weights_.block(block).fc2, plan_.hidden(), rows, x.data);
}

void BlockRunner::project(TokenRows x, float* features) {
  norm(weights_.ln_post, x);
  const int64_t rows = batch() * x.rows;
  stream_.linear(*weights_.projection, plan_.normed(), rows, features);
  stream_.l2_normalize({.x = features, .y = features, .rows = rows, .cols = shape().embed_dim});
}

void BlockRunner::norm(const NormWeights& ln, TokenRows x) {
  SCLIP_CHECK(x.rows <= shape().tokens, kInternal, x.rows, " rows a window in a plan for ", shape().tokens);
  const int64_t window = x.rows * shape().width;
  const bool dense = x.stride == window;  // all windows are one long one
  stream_.layernorm({.x = x.data,
                     .y = plan_.normed(),
                     .gamma = ln.g(),
                     .beta = ln.b(),
                     .y_dtype = shape().activation,
                     .batch = dense ? 1 : batch(),
                     .rows = dense ? batch() * x.rows : x.rows,
                     .cols = shape().width,
                     .x_stride = x.stride,
                     .y_stride = window,
                     .eps = weights_.eps});
}

int64_t BlockRunner::dense_rows(TokenRows x) const {
  SCLIP_CHECK(x.stride == x.rows * shape().width || batch() == 1, kInternal, "windows of ", x.rows, "×", shape().width,
              " floats lie ", x.stride, " apart: a product needs them one behind the other");
  return batch() * x.rows;
}

}  // namespace sclip
