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
#include "weights/weight_blob.h"

namespace sclip {

class TextEncoder {
 public:
  TextEncoder(const WeightBlob& blob, const Backend& backend);

  // `prompts`: ids from SOT to EOT, at most `context()` each. Returns (prompts, E), unit length, host memory.
  AlignedBuffer<float> encode(Stream& stream, std::span<const std::vector<int32_t>> prompts) const;

  // The same the plain way: every prompt padded to the context and encoded by itself. The trie's yardstick.
  AlignedBuffer<float> encode_padded(Stream& stream, std::span<const std::vector<int32_t>> prompts) const;

  int64_t embed_dim() const { return embed_dim_; }
  int context() const { return config_.context; }

 private:
  struct Workspace;

  template <typename Attention>
  void attend(Stream& stream, const Workspace& w, const BlockWeights& weights, int64_t rows,
              const Attention& attention) const;
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
