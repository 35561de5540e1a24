// The fused merge: each photo pixel's softmax over K queries from the window logits, with no plane of the photo's size.
// And the same stopped before the softmax, for planes of a range of the queries.
//
// Maths      Everything before the softmax is linear and separable:
//              logit(Y, X, k) = Σ_r wy[Y, r] Σ_c wx[X, c] · L[r, c, k]
//            over the few patch rows and columns that reach a pixel (merge_strips.cuh). Then, in base 2, a softmax over
//            steps of 8 queries relative to the first query's logit (label_planes/labelling.cuh):
//              best, query   the maximum and the first query that has it
//              sum += 2^(scale · logit − reference), query after query
//            The best class is the class of the best query, and its score is 2^(scale · best − reference) / sum. Ties
//            go to the lowest class.
// Tiling     A block is 32 × 16 pixels; a warp has 2 rows, lanes are neighbouring pixels. Queries come in chunks that
//            fit shared memory:
//              fold   block, once a chunk   S[gy, gx, k] = Σ of the logits of a group's 1 to 4 patches, from L2
//              mix    warp, once a row      M[gx, k] = Σ_gy wy · S[gy, gx, k] as float4
//              run    lane, its pixel       logit = Σ_gx wx · M[gx, k]; wx in registers, M broadcast as float4
//            1 to 6 column groups have their own unrolled code, up to 16 a loop; strips with more groups sum over the
//            patches of each pixel straight from global memory: rare, right, slower.
// Cost       The loop over steps for 8 queries of 32 pixels, with 3 groups: 24 FMA, 6 loads of M, 7 maxima, 8 FMA to
//            scale and shift, 8 2^x, 8 additions, about 16 for the rest. The special-function unit needs 8 cycles of a
//            scheduler for a warp's 2^x, issuing 9.6: they overlap.
// Shared     23.8 KiB: 21 KiB for S and the warps' M, the rest tables. Accesses of S and M are float4 side by side or
//            broadcasts, and the pitch is odd in eights: no bank conflicts.
// Occupancy  256 threads, at most 64 registers: 4 blocks, 50 % of an SM; 67 % of the 1536 threads of sm_86, 89, 120.
//            In the area filter's second pass: 256 threads, at most 80 registers: 3 blocks.
// Limit      With many queries issuing and the special-function unit, with few DRAM: labels and scores, 6 bytes a
//            pixel; of planes 4 bytes a pixel and query. The logits come from DRAM once, to the kernel that checks
//            them, and after that from L2.
// Statistics Integers, so that the order of blocks cannot show (label_planes/label_tally.cuh).
#include <algorithm>

#include "kernels/window_merge/merge_kept.cuh"
#include "kernels/window_merge/merge_prepare.cuh"
#include "kernels/window_merge/merge_sweep.cuh"

namespace sclip {
namespace {

using namespace cuda;
using namespace cuda::merge;

// The first pass. kFilter: an area filter follows, so no threshold yet.
template <bool kFilter>
__global__ void __launch_bounds__(kThreads, 4) window_merge_kernel(const __grid_constant__ Merge m) {
  __shared__ Shared s;
  const Place at = enter_tile(m, s);
  bool wanted[kRowsPerWarp];
  Softmax softmax[kRowsPerWarp];
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) wanted[r] = at.y[r] < m.y.photo;
  sweep_any(m, s, at, wanted, [&](int r, const float(&x)[kStep], int k) { softmax[r].add(x, k, m.l.scale); });
  if (at.direct) __syncthreads();  // the tally's slots
  LabelTally* tally = kFilter ? m.raw_tally : m.tally;
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    if (!wanted[r]) continue;
    const bool valid = at.x < m.x.photo;
    const float score = softmax[r].score(m.l.scale);
    int label = class_of(m.l, max(softmax[r].query, 0));
    if (!kFilter && score < m.l.prob_threshold) label = m.l.low_label;
    if (valid) {
      const int64_t pixel = static_cast<int64_t>(at.y[r]) * m.x.photo + at.x;
      m.l.scores[pixel] = score;
      store_label(m.l, pixel, label);
    }
    tally_warp(s.tally, tally, at.lane, valid ? slot_of(m.l, label) : -1, valid ? score : 0);
  }
  leave_slots(s.tally, tally);
}

// Planes of the wanted queries.
__global__ void __launch_bounds__(kThreads, 4) window_planes_kernel(const __grid_constant__ Merge m) {
  __shared__ Shared s;
  const Place at = enter_tile(m, s);
  bool wanted[kRowsPerWarp];
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) wanted[r] = at.y[r] < m.y.photo;
  sweep_any(m, s, at, wanted, [&](int r, const float(&x)[kStep], int k) {
    if (at.x >= m.x.photo) return;
    float* out = m.planes + k * m.plane + static_cast<int64_t>(at.y[r]) * m.x.photo + at.x;
#pragma unroll
    for (int j = 0; j < kStep; ++j) {
      if (k + j < m.queries) out[j * m.plane] = x[j];
    }
  });
}

// The second pass: pixels whose class the filter removed get the best of the classes it kept. Labels and scores are
// read twice rather than held in registers over the sweep.
__global__ void __launch_bounds__(kThreads, 3) window_merge_refilter_kernel(const __grid_constant__ Merge m) {
  __shared__ Shared s;
  const Place at = enter_tile(m, s);
  const bool valid = at.x < m.x.photo;
  // Lanes outside the photo read the pixel at its edge: a branch here would part the warp.
  const auto pixel_of = [&](int r) {
    return static_cast<int64_t>(min(at.y[r], m.y.photo - 1)) * m.x.photo + min(at.x, m.x.photo - 1);
  };
  bool wanted[kRowsPerWarp];
  KeptBest best[kRowsPerWarp];
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    const int kept = m.kept_class[load_label(m.l, pixel_of(r))];
    wanted[r] = __any_sync(kFullWarp, kept == 0) && at.y[r] < m.y.photo;
  }
  if (__syncthreads_or(wanted[0] || wanted[1])) {
    sweep_any(m, s, at, wanted, [&](int r, const float(&x)[kStep], int k) { best[r].add(x, k, m.kept_query); });
  }
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    if (at.y[r] >= m.y.photo) continue;
    const int64_t pixel = pixel_of(r);
    const int before = load_label(m.l, pixel);
    int label = before;
    float score = m.l.scores[pixel];
    __syncwarp();  // the pixel at the edge has been read before it changes
    if (m.kept_class[before] == 0) {
      score = score_of(best[r].kept, best[r].best, score, m.l.scale);
      label = score > 0 ? class_of(m.l, best[r].query) : 0;  // all scores 0: the lowest class
      if (valid) m.l.scores[pixel] = score;
    }
    if (score < m.l.prob_threshold) label = m.l.low_label;
    if (valid && label != before) store_label(m.l, pixel, label);
    tally_warp(s.tally, m.tally, at.lane, valid ? slot_of(m.l, label) : -1, valid ? score : 0);
  }
  leave_slots(s.tally, m.tally);
}

__global__ void __launch_bounds__(1024) window_merge_choose_kernel(const __grid_constant__ Merge m) {
  choose_kept(m.l, m.raw_tally, m.kept_class, m.kept_query);
}

__global__ void __launch_bounds__(kThreads) window_merge_statistics_kernel(const __grid_constant__ Merge m) {
  write_statistics(m.l, m.tally);
}

struct Plan {
  Merge m{};
  size_t cleared = 0;  // bytes at the front of the workspace that must be 0
  size_t bytes = 0;
};

// What both launchers have: the axes. `carver` is where the workspace's tables begin.
void plan_windows(const WindowLogits& w, int64_t first_query, int64_t count, Carver& carver, Merge& m) {
  const auto axis = [&](MergeAxisTables& a, const int32_t* starts, int64_t windows, int64_t length, int64_t grid,
                        int64_t resized, int64_t photo, int strip_pixels) {
    a.starts = starts;
    a.windows = static_cast<int>(windows);
    a.window_length = static_cast<int>(length);
    a.grid = static_cast<int>(grid);
    a.resized = static_cast<int>(resized);
    a.photo = static_cast<int>(photo);
    a.strip_pixels = strip_pixels;
    a.strip_count = static_cast<int>(ceil_div(photo, strip_pixels));
    carver.take(a.strips, a.strip_count);
    carver.take(a.taps, photo);
    carver.take(a.cell, 4 * windows * photo);
    carver.take(a.weight, 4 * windows * photo);
  };
  axis(m.x, w.window_x, w.windows_x, w.window_width, w.grid_w, w.resized_width, w.photo_width, kColumns);
  axis(m.y, w.window_y, w.windows_y, w.window_height, w.grid_h, w.resized_height, w.photo_height, kRows);
  m.x.window_step = static_cast<int>(w.grid_h * w.grid_w);
  m.x.patch_step = 1;
  m.x.bad_window = MergeFault::kWindowX;
  m.x.gap = MergeFault::kGapX;
  m.y.window_step = static_cast<int>(w.windows_x * w.grid_h * w.grid_w);
  m.y.patch_step = static_cast<int>(w.grid_w);
  m.y.bad_window = MergeFault::kWindowY;
  m.y.gap = MergeFault::kGapY;

  m.logits = w.logits + first_query;
  m.queries = static_cast<int>(count);
  m.query_pitch = static_cast<int>(w.queries);
  m.all_logits = w.logits;
  m.logit_count = w.windows_x * w.windows_y * w.grid_h * w.grid_w * w.queries;
  m.plane = w.photo_width * w.photo_height;
}

Plan plan(const WindowMergeParams& p, void* workspace) {
  check_params(p);
  Plan out;
  Merge& m = out.m;
  Carver carver(workspace);
  carver.take(m.tally, label_slots(p.rule));
  carver.take(m.raw_tally, p.rule.area_threshold ? p.rule.classes : 0);
  out.cleared = carver.bytes();
  carver.take(m.kept_class, p.rule.classes);
  carver.take(m.kept_query, ceil_div(p.rule.queries, kStep) * kStep);
  plan_windows(p.windows, 0, p.rule.queries, carver, m);
  LabelOutputs outputs = p.out;
  if (outputs.scores == nullptr) carver.take(outputs.scores, p.windows.photo_width * p.windows.photo_height);
  m.l = make_labelling(p.rule, outputs);
  m.logit_limit = logit_limit(p.rule);
  out.bytes = carver.bytes();
  return out;
}

Plan plan(const WindowPlanesParams& p, void* workspace) {
  check_params(p);
  Plan out;
  Carver carver(workspace);
  plan_windows(p.windows, p.first_query, p.count, carver, out.m);
  out.m.planes = p.planes;
  out.m.logit_limit = kPlaneLogitLimit;
  out.bytes = carver.bytes();
  return out;
}

// Launches a kernel on m and names it and the shapes when it is refused.
template <typename Kernel>
void launch(const char* name, Kernel kernel, unsigned blocks, unsigned threads, const WindowLogits& w, const Merge& m,
            CudaQueue queue) {
  kernel<<<blocks, threads, 0, queue.stream>>>(m);
  check_launch(name, w.windows_x, "×", w.windows_y, " windows of ", w.grid_w, "×", w.grid_h, " patches, ", m.queries,
               " of ", w.queries, " queries, photo ", w.photo_width, "×", w.photo_height);
}

void prepare(const WindowLogits& w, const Merge& m, CudaQueue queue) {
  if (m.fault) cudaMemsetAsync(m.fault, 0, sizeof(MergeFault), queue.stream);
  const int64_t strip_blocks = ceil_div(m.x.strip_count + m.y.strip_count, kPrepareThreads / 32);
  launch("window_merge_prepare", window_merge_prepare_kernel,
         grid_size(strip_blocks + (m.fault ? check_blocks(queue) : 0)), kPrepareThreads, w, m, queue);
}

unsigned tiles(const Merge& m) {
  return grid_size(static_cast<int64_t>(m.x.strip_count) * m.y.strip_count);
}

}  // namespace

size_t window_merge_cuda_workspace(const WindowMergeParams& p) {
  return plan(p, nullptr).bytes;
}

void window_merge_cuda(const WindowMergeParams& p, void* workspace, MergeFault* fault, CudaQueue queue) {
  Plan plan = sclip::plan(p, workspace);
  plan.m.fault = fault;
  const Merge& m = plan.m;
  const auto launch = [&](const char* name, auto kernel, unsigned blocks, unsigned threads = kThreads) {
    sclip::launch(name, kernel, blocks, threads, p.windows, m, queue);
  };
  cudaMemsetAsync(workspace, 0, plan.cleared, queue.stream);
  prepare(p.windows, m, queue);
  if (!p.rule.area_threshold) {
    launch("window_merge", window_merge_kernel<false>, tiles(m));
  } else {
    launch("window_merge", window_merge_kernel<true>, tiles(m));
    launch("window_merge_choose", window_merge_choose_kernel, 1, 1024);
    launch("window_merge_refilter", window_merge_refilter_kernel, tiles(m));
  }
  if (p.out.statistics) {
    launch("window_merge_statistics", window_merge_statistics_kernel,
           grid_size(ceil_div(label_slots(p.rule), kThreads)));
  }
}

size_t window_planes_cuda_workspace(const WindowPlanesParams& p) {
  return plan(p, nullptr).bytes;
}

void window_planes_cuda(const WindowPlanesParams& p, void* workspace, MergeFault* fault, CudaQueue queue) {
  Plan plan = sclip::plan(p, workspace);
  plan.m.fault = fault;
  prepare(p.windows, plan.m, queue);
  launch("window_planes", window_planes_kernel, tiles(plan.m), kThreads, p.windows, plan.m, queue);
}

}  // namespace sclip
