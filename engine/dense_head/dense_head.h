// DenseHead: how the image tower is read out patch by patch, as a program over its blocks.
//
// Made once from a policy (policy.h) for one engine and, where words matter, for one set of them; immutable and shared
// by threads. What it needs in memory it declares before, so that the plan holds it and nothing allocates in `encode`.
// `encode`, `score` and `read_photo` may be recorded: they call kernels only, no upload, download or synchronize.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "engine/block_runner.h"
#include "engine/vision_plan.h"
#include "weights/weight_blob.h"

namespace sclip {

// All that a head may know of the words. Empty where there are none: `sclip embed --dense`.
// Every head scores with `similarity`. Heads that let the words steer the features (RF-CLIP groups queries by their
// embeddings, ResCLIP labels patches on the way) read the rest when they are made, and refuse to be made without.
struct Words {
  const Linear* similarity = nullptr;   // unit features (M, E) → cosines (M, K)
  std::span<const float> embeddings{};  // (K, E), unit vectors, host memory
  int64_t count = 0;                    // K
};

// What heads are made from. All of it outlives them.
struct HeadInputs {
  const WeightBlob& blob;  // for weights in a form that VisionWeights has not
  const Backend& backend;
  Words words{};
  float temperature = 1.0f;  // divides the scores of the last block's attention, every kind of them; > 0
};

// What a head shows of the attention by which the last block gathers the patches.
enum class ShownAttention : uint8_t {
  kNone,      // several passes, or none: there is no single map
  kIdentity,  // every token keeps its own value; nothing is written
  kWritten,
};

class DenseHead {
 public:
  explicit DenseHead(const Words& words) : words_(words) {}
  virtual ~DenseHead() = default;
  DenseHead(const DenseHead&) = delete;
  DenseHead& operator=(const DenseHead&) = delete;

  // Named buffers and constants of a plan, and how positions are fitted to its grid. Buffers that `encode` leaves
  // may be read through the plan until the next batch.
  virtual PlanNeeds needs(const WindowShape&) const { return {}; }
  // Runs the blocks, reads them out: unit features (B, h·w, E), f32, backend memory.
  virtual void encode(BlockRunner& runner, float* features) const = 0;
  // Whether a stream may record `encode`: false for programs of more calls than a recording should hold.
  virtual bool may_be_recorded() const { return true; }
  // Features → cosines or what stands for them (B, h·w, K). Follows `encode` of the same batch, with its buffers.
  virtual void score(BlockRunner& runner, const float* features, float* cosines) const;

  // Whether any words may be asked of features that were made without them: `score` is the words' similarity and
  // nothing else, and `encode` does not look at the words.
  virtual bool scores_any_words() const { return true; }
  // Instead of `encode`, for who wants to see it: runs the blocks, and writes the weights by which the last one's
  // values are summed, (B, A, N, N), f32, backend memory.
  virtual ShownAttention show_attention(BlockRunner&, float* /*weights*/) const { return ShownAttention::kNone; }

  // For heads that look at the whole photo before its windows: how many floats they keep of it, and the program that
  // writes them. Its runner's only window is the whole photo; every later one has the floats in WindowBatch::photo.
  virtual int64_t photo_floats() const { return 0; }
  // Whether `read_photo` is called for a photo; `is_the_window`: it has one window, which is all of it.
  virtual bool reads_photo([[maybe_unused]] bool is_the_window) const { return photo_floats() > 0; }
  virtual void read_photo(BlockRunner& runner, float* kept) const;

  // For heads that settle a photo's labels among its patches once they are there: the buffer, of floats, that `encode`
  // leaves for it, or no name; and what becomes of the labels (height, width) of a photo of one window, on the host. A
  // photo of several windows is refused.
  virtual std::string_view settles_with() const { return {}; }
  virtual void settle(std::span<const float> left, int64_t grid_h, int64_t grid_w, std::span<uint16_t> labels,
                      int64_t height, int64_t width) const;

 protected:
  const Words& words() const { return words_; }

 private:
  Words words_;
};

}  // namespace sclip
