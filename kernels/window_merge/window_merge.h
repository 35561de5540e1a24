// From the cosines of every window to one label a pixel, without ever holding K full-size planes.
//
//   U[k]  each window's patch grid (h, w), bilinear to the window's size, added up over the windows,
//         divided by how many cover the pixel, bilinear to the photo's size        cosines, |U| ≤ 1
//   labels, scores and statistics of U: label_planes/label_rule.h
//
// `window_merge` is the whole of it. `window_planes` stops at U, for a range of queries: what a refinement or an output
// of logits needs. Its values are those that `window_merge` labels, bit for bit, however the queries are divided.
//
// Bilinear is interpolate/bilinear.h.
// Logits must be finite and |logit_scale · U| ≤ 1e8: a NaN or an infinity is an error that names its place.
// The outputs do not depend on the number of threads, to the last bit.
//
// On CUDA every pointer is device memory, outputs and statistics included, and what is wrong with the contents of the
// inputs cannot be thrown by the launch: it is noted in `fault` (merge_fault.h), which the launch clears first. Null:
// faults go unnoticed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "kernels/label_planes/label_rule.h"

namespace sclip {

struct MergeFault;

// The cosines, and where their windows lie.
struct WindowLogits {
  // The windows lie on a grid: window (r, c) has its corner at (window_x[c], window_y[r]) of the resized photo
  // and is number r · windows_x + c. Together they cover every pixel. All have the same size.
  const float* logits = nullptr;      // (windows_y · windows_x, h · w, K); windows · h · w < 2^31
  const int32_t* window_x = nullptr;  // (windows_x) ascending
  const int32_t* window_y = nullptr;  // (windows_y) ascending
  int64_t windows_x = 0;
  int64_t windows_y = 0;
  int64_t window_width = 0;  // pixels
  int64_t window_height = 0;
  int64_t grid_h = 0;         // h
  int64_t grid_w = 0;         // w
  int64_t queries = 0;        // K ≥ 1
  int64_t resized_width = 0;  // W
  int64_t resized_height = 0;
  int64_t photo_width = 0;  // W0; W0 · H0 < 2^31
  int64_t photo_height = 0;
};

struct WindowMergeParams {
  WindowLogits windows;
  LabelRule rule;  // of as many queries
  LabelOutputs out;
};

// Of window_planes's logits, whose scale is not known yet.
inline constexpr float kPlaneLogitLimit = 1e8f;

struct WindowPlanesParams {
  WindowLogits windows;
  int64_t first_query = 0;
  int64_t count = 0;        // queries first_query … first_query + count − 1
  float* planes = nullptr;  // (count, H0, W0) U; overlaps no input
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

// The checks of sizes and settings, which need none of the arrays' contents.
inline void check_params(const char* kernel, const WindowLogits& w) {
  SCLIP_CHECK(w.logits != nullptr && w.window_x != nullptr && w.window_y != nullptr, kInvalidArgument, kernel,
              ": logits and windows must be given");
  SCLIP_CHECK(w.queries >= 1, kInvalidArgument, kernel, ": no queries; give at least one class name");
  SCLIP_CHECK(w.windows_x >= 1 && w.windows_y >= 1 && w.grid_w >= 1 && w.grid_h >= 1 && w.window_width >= 1 &&
                  w.window_height >= 1 && w.resized_width >= 1 && w.resized_height >= 1 && w.photo_width >= 1 &&
                  w.photo_height >= 1,
              kInvalidArgument, kernel, ": a size is below 1: ", w.windows_x, "×", w.windows_y, " windows of ",
              w.window_width, "×", w.window_height, " pixels and ", w.grid_w, "×", w.grid_h, " patches on ",
              w.resized_width, "×", w.resized_height, ", photo ", w.photo_width, "×", w.photo_height);
  constexpr int64_t kMost = int64_t{1} << 31;
  SCLIP_CHECK(w.photo_width < kMost / w.photo_height, kInvalidArgument, kernel, ": a photo of ", w.photo_width, "×",
              w.photo_height, " pixels has 2^31 or more");
  SCLIP_CHECK(w.windows_x < kMost / w.windows_y && w.grid_w < kMost / w.grid_h &&
                  w.windows_x * w.windows_y < kMost / (w.grid_w * w.grid_h),
              kInvalidArgument, kernel, ": ", w.windows_x, "×", w.windows_y, " windows of ", w.grid_w, "×", w.grid_h,
              " patches have 2^31 patches or more");
  SCLIP_CHECK(w.queries <= (int64_t{1} << 32) / (w.windows_x * w.windows_y * w.grid_w * w.grid_h), kInvalidArgument,
              kernel, ": ", w.windows_x, "×", w.windows_y, " windows of ", w.grid_w, "×", w.grid_h, " patches and ",
              w.queries, " queries have more than 2^32 logits");
}

inline void check_params(const WindowMergeParams& p) {
  check_params("window_merge", p.windows);
  check_params("window_merge", p.rule, p.out, /*with_scores=*/false);
  SCLIP_CHECK(p.rule.queries == p.windows.queries, kInvalidArgument, "window_merge: logits of ", p.windows.queries,
              " queries and a rule for ", p.rule.queries);
}

inline void check_params(const WindowPlanesParams& p) {
  check_params("window_planes", p.windows);
  SCLIP_CHECK(p.planes != nullptr && p.count >= 1 && p.first_query >= 0 && p.first_query + p.count <= p.windows.queries,
              kInvalidArgument, "window_planes: planes of the queries ", p.first_query, " to ",
              p.first_query + p.count - 1, " of ", p.windows.queries, "; give at least one, and none beyond the last");
}

void window_merge_cpu(const WindowMergeParams& params, WindowMergeWorkspace& workspace, CpuQueue queue);
void window_planes_cpu(const WindowPlanesParams& params, WindowMergeWorkspace& workspace, CpuQueue queue);

// `workspace` is device memory of `…_cuda_workspace` bytes, aligned to 128; what it held does not matter.
size_t window_merge_cuda_workspace(const WindowMergeParams& params);
void window_merge_cuda(const WindowMergeParams& params, void* workspace, MergeFault* fault, CudaQueue queue);
size_t window_planes_cuda_workspace(const WindowPlanesParams& params);
void window_planes_cuda(const WindowPlanesParams& params, void* workspace, MergeFault* fault, CudaQueue queue);

namespace ref {
// (K, H0, W0) U: every stage by itself, on whole planes, in double but for the interpolation weights.
void window_planes(const WindowLogits& windows, double* planes);
}  // namespace ref

}  // namespace sclip
