// From the cosines of every window to one label a pixel, without ever holding K full-size planes.
//
//   U[k]  each window's patch grid (h, w), bilinear to the window's size, added up over the windows,
//         divided by how many cover the pixel, bilinear to the photo's size        cosines, |U| ≤ 1
//   p[k]  softmax over the K queries of logit_scale · U
//   s[q]  maximum of p over the queries of class q; not renormalised; 0 for a class without queries
//   area filter: s[q ≠ 0] = 0 unless class q is the argmax of s on more than
//         area_threshold · (pixels whose argmax is not 0) pixels
//   score = max s; label = argmax s, the lowest on ties, and 0 where score < prob_threshold
// A score below 2^-126 is 0.
//
// Bilinear is torch's interpolate(mode="bilinear", align_corners=False), its indices and weights in f32:
//   source = max((i + 0.5) · (in / out) − 0.5, 0). Equal sizes are the identity.
// Logits must be finite and |logit_scale · U| ≤ 1e30: a NaN or an infinity is an error that names its place.
// The outputs do not depend on the number of threads, to the last bit.
//
// On CUDA every pointer is device memory, outputs and statistics included, and what is wrong with the contents of the
// inputs cannot be thrown by the launch: it is noted in `fault` (merge_fault.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/dtype.h"
#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"

namespace sclip {

struct MergeStatistics {
  int64_t pixels = 0;    // labelled with the class, after the filter and the threshold
  double score_sum = 0;  // of their scores, each rounded to a multiple of 2^-30
  float max_score = 0;   // 0 when there are none
};

struct MergeFault;

struct WindowMergeParams {
  // The windows lie on a grid: window (r, c) has its corner at (window_x[c], window_y[r]) of the resized photo
  // and is number r · windows_x + c. Together they cover every pixel. All have the same size.
  const float* logits = nullptr;      // (windows_y · windows_x, h · w, K)
  const int32_t* window_x = nullptr;  // (windows_x) ascending
  const int32_t* window_y = nullptr;  // (windows_y) ascending
  int64_t windows_x = 0;
  int64_t windows_y = 0;
  int64_t window_width = 0;  // pixels
  int64_t window_height = 0;
  int64_t grid_h = 0;  // h
  int64_t grid_w = 0;  // w

  int64_t queries = 0;                   // K ≥ 1
  int64_t classes = 0;                   // Q ≤ 65,536, and ≤ 256 when labels are u8
  const int32_t* query_class = nullptr;  // (K) ascending, each in [0, Q)
  float logit_scale = 1.0f;              // > 0
  float prob_threshold = 0.0f;           // 0: off
  std::optional<float> area_threshold;   // none: off

  int64_t resized_width = 0;  // W
  int64_t resized_height = 0;
  int64_t photo_width = 0;  // W0; W0 · H0 < 2^31
  int64_t photo_height = 0;

  // Outputs. None overlaps another or an input; no alignment is asked for.
  void* labels = nullptr;                 // (H0, W0) in label_dtype
  DType label_dtype = DType::kU16;        // kU8 or kU16
  float* scores = nullptr;                // (H0, W0)
  MergeStatistics* statistics = nullptr;  // (Q), or null
  float* full_logits = nullptr;           // (K, H0, W0) U, or null
  float* class_scores = nullptr;          // (Q, H0, W0) s after the area filter, or null
  // What was wrong with the inputs, for `check_merge_fault`. The CPU throws instead and leaves this empty. Null: on
  // CUDA faults then go unnoticed.
  MergeFault* fault = nullptr;
};

// Memory of the CPU kernel: it grows to the largest call so far and then stays. One per thread.
class WindowMergeWorkspace {
 public:
  WindowMergeWorkspace();
  ~WindowMergeWorkspace();
  WindowMergeWorkspace(WindowMergeWorkspace&&) noexcept;
  WindowMergeWorkspace& operator=(WindowMergeWorkspace&&) noexcept;

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

void window_merge_cpu(const WindowMergeParams& params, WindowMergeWorkspace& workspace, CpuQueue queue);

// `workspace` is device memory of `window_merge_cuda_workspace` bytes, aligned to 128; what it held does not matter.
size_t window_merge_cuda_workspace(const WindowMergeParams& params);
void window_merge_cuda(const WindowMergeParams& params, void* workspace, CudaQueue queue);

namespace ref {
// Every stage by itself, on whole planes, in double but for the interpolation weights.
void window_merge(const WindowMergeParams& params);
}  // namespace ref

}  // namespace sclip
