// TextEncoder: CLIP's text tower over prompt tries.
//
// The tower is causal, so a token shared by many prompts is computed once. Layer by layer over one trie at a time:
// a layer needs the ancestors' K and V of that same layer only, so nothing is cached across layers.
// Immutable; shared by threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/backend.h"
#include "core/buffer.h"
#include "engine/transformer.h"
#include "sclip/run_control.h"
#include "weights/weight_blob.h"

namespace sclip {

struct PromptTrie;
struct TreeAttentionParams;

class TextEncoder {
 public:
  TextEncoder(const WeightBlob& blob, const Backend& backend);

  // `prompts`: ids from SOT to EOT, at most `context()` each. Returns (prompts, E), unit length, host memory.
  // `control` is looked at between tries; memory is allocated for the call and freed with it, however it ends.
  AlignedBuffer<float> encode(Stream& stream, std::span<const std::vector<int32_t>> prompts,
                              const RunControl& control = {}) const;

  int64_t embed_dim() const { return embed_dim_; }
  int context() const { return config_.context; }

 private:
  struct Workspace;

  // Features of the nodes `targets` of one trie, in their order, to host memory.
  void encode_trie(Stream& stream, const Workspace& w, const PromptTrie& trie, std::span<const int32_t> targets,
                   float* out) const;
  void attend(Stream& stream, const Workspace& w, const BlockWeights& weights, int64_t rows,
              const TreeAttentionParams& attention) const;
  void feed_forward(Stream& stream, const Workspace& w, const BlockWeights& weights, float* tokens, int64_t rows) const;
  // Unit features of `rows` tokens, to host memory.
  void read_out(Stream& stream, const Workspace& w, const float* tokens, int64_t rows, float* out) const;

  const Backend& backend_;
  TextConfig config_;
  int64_t embed_dim_ = 0;
  float eps_ = 0;
  DType token_dtype_ = DType::kF32;
  std::unique_ptr<Memory> token_table_;     // (V, C) in token_dtype_
  std::unique_ptr<Memory> position_table_;  // (T, C)
  std::vector<BlockWeights> blocks_;
  NormWeights ln_final_;
  std::unique_ptr<Linear> projection_;
};

}  // namespace sclip
