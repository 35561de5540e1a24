// The fused merge: each photo pixel's softmax over K queries from the window logits, with no plane of the photo's size.
//
// Maths      Everything before the softmax is linear and separable:
//              logit(Y, X, k) = Σ_r wy[Y, r] Σ_c wx[X, c] · L[r, c, k]
//            over the few patch rows and columns that reach a pixel (merge_strips.cuh). Then, in base 2 (the weights of
//            the rows carry logit_scale · log2 e), an online softmax over steps of 8 queries:
//              top = max of the 8 logits
//              if top > best:  sum ·= 2^(best − top),  best = top,  note the first query that has it
//              sum += Σ 2^(logit − best)
//            The best class is the class of the best query, and its score is 1 / sum. Ties go to the lowest class.
// Tiling     A block is 32 × 16 pixels; a warp has 2 rows, lanes are neighbouring pixels. Queries come in chunks that
//            fit shared memory:
//              fold   block, once a chunk   S[gy, gx, k] = Σ of the logits of a group's 1 to 4 patches, from L2
//              mix    warp, once a row      M[gx, k] = Σ_gy wy · S[gy, gx, k] as float4
//              run    lane, its pixel       logit = Σ_gx wx · M[gx, k]; wx in registers, M broadcast as float4
//            1 to 6 column groups have their own unrolled code, up to 16 a loop; strips with more groups sum over the
//            patches of each pixel straight from global memory: rare, right, slower.
// Cost       The loop over steps has 77 instructions (SASS, sm_80, 3 groups) for 8 queries of 32 pixels: 24 FMA, 6
//            loads of M, 7 maxima, 8 subtractions, 8 2^x, 8 additions, 16 for the rest. The special-function unit needs
//            8 cycles of a scheduler for a warp's 2^x, issuing 9.6: they overlap.
// Shared     23.8 KiB: 21 KiB for S and the warps' M, the rest tables. Accesses of S and M are float4 side by side or
//            broadcasts, and the pitch is odd in eights: no bank conflicts.
// Occupancy  256 threads, at most 64 registers: 4 blocks, 50 % of an SM; 67 % of the 1536 threads of sm_86, 89, 120.
//            With full_logits, and in the area filter's second pass: 256 threads, at most 80 registers: 3 blocks.
// Limit      With many queries issuing and the special-function unit, with few DRAM: labels and scores, 6 bytes a
//            pixel. The logits come from DRAM once, to the kernel that checks them, and after that from L2.
// Statistics Integers, so that the order of blocks cannot show: pixels, scores rounded to 2^-30, the maximum's bits. A
//            block adds up in a small table in shared memory first.
#include <algorithm>

#include "kernels/window_merge/merge_prepare.cuh"
#include "kernels/window_merge/merge_sweep.cuh"
#include "kernels/window_merge/merge_tally.cuh"

namespace sclip {
namespace {

using namespace cuda;
using namespace cuda::merge;

// The first pass. kFilter: an area filter follows, so no threshold yet. kFullLogits: U to its planes.
template <bool kFilter, bool kFullLogits>
__global__ void __launch_bounds__(kThreads, kFullLogits ? 3 : 4) window_merge_kernel(const __grid_constant__ Merge m) {
  __shared__ Shared s;
  const Place at = enter_tile(m, s);
  bool wanted[kRowsPerWarp];
  Softmax softmax[kRowsPerWarp];
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) wanted[r] = at.y[r] < m.y.photo;
  sweep_any(m, s, at, wanted, [&](int r, const float(&x)[kStep], int k) {
    softmax[r].add(x, k);
    if constexpr (kFullLogits) {
      float* out = m.full_logits + k * m.plane + static_cast<int64_t>(at.y[r]) * m.x.photo + at.x;
#pragma unroll
      for (int j = 0; j < kStep; ++j) {
        if (at.x < m.x.photo && k + j < m.queries) out[j * m.plane] = x[j] * m.unscale;
      }
    }
  });
  if (at.direct) __syncthreads();  // the tally's slots
  ClassTally* tally = kFilter ? m.raw_tally : m.tally;
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    if (!wanted[r]) continue;
    const bool valid = at.x < m.x.photo;
    const float score = 1.0f / softmax[r].sum;
    int label = class_of(m, softmax[r].query);
    if (!kFilter && score < m.prob_threshold) label = 0;
    if (valid) {
      const int64_t pixel = static_cast<int64_t>(at.y[r]) * m.x.photo + at.x;
      m.scores[pixel] = score;
      store_label(m, pixel, label);
    }
    tally_row(s, tally, at.lane, valid ? label : -1, valid ? score : 0);
  }
  leave_tile(s, tally);
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
    const int kept = m.kept_class[load_label(m, pixel_of(r))];
    wanted[r] = __any_sync(kFullWarp, kept == 0) && at.y[r] < m.y.photo;
  }
  if (__syncthreads_or(wanted[0] || wanted[1])) {
    sweep_any(m, s, at, wanted, [&](int r, const float(&x)[kStep], int k) { best[r].add(x, k, m.kept_query); });
  }
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    if (at.y[r] >= m.y.photo) continue;
    const int64_t pixel = pixel_of(r);
    const int before = load_label(m, pixel);
    int label = before;
    float score = m.scores[pixel];
    __syncwarp();  // the pixel at the edge has been read before it changes
    if (m.kept_class[before] == 0) {
      score *= exp2_approx(best[r].kept - best[r].best);
      if (score < 0x1p-126f) score = 0;
      label = score > 0 ? class_of(m, best[r].query) : 0;  // all scores 0: the lowest class
      if (valid) m.scores[pixel] = score;
    }
    if (score < m.prob_threshold) label = 0;
    if (valid && label != before) store_label(m, pixel, label);
    tally_row(s, m.tally, at.lane, valid ? label : -1, valid ? score : 0);
  }
  leave_tile(s, m.tally);
}

// All classes' scores, for who asks: two sweeps, since each needs the softmax's sum. Not tuned.
__global__ void __launch_bounds__(kThreads, 2) window_merge_class_scores_kernel(const __grid_constant__ Merge m) {
  __shared__ Shared s;
  const Place at = enter_tile(m, s);
  const auto run = [&](const bool(&wanted)[kRowsPerWarp], const auto& visit) {
    if (at.direct) return sweep_direct(m, at, wanted, visit);
    sweep<0>(m, s, at, wanted, visit);
  };
  bool wanted[kRowsPerWarp];
  Softmax softmax[kRowsPerWarp];
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) wanted[r] = at.y[r] < m.y.photo;
  run(wanted, [&](int r, const float(&x)[kStep], int k) { softmax[r].add(x, k); });

  int current[kRowsPerWarp] = {};  // the class whose queries are passing by
  float most[kRowsPerWarp];        // the best of its logits so far
  const auto emit_until = [&](int r, int next) {
    for (; current[r] < next; ++current[r]) {
      const float score = __frcp_rn(softmax[r].sum) * exp2_approx(most[r] - softmax[r].best);
      if (at.x < m.x.photo) {
        m.class_scores[current[r] * m.plane + static_cast<int64_t>(at.y[r]) * m.x.photo + at.x] = score;
      }
      most[r] = -INFINITY;
    }
  };
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) most[r] = -INFINITY;
  run(wanted, [&](int r, const float(&x)[kStep], int k) {
#pragma unroll
    for (int j = 0; j < kStep; ++j) {
      if (k + j >= m.queries) break;
      emit_until(r, class_of(m, k + j));
      most[r] = fmaxf(most[r], x[j]);
    }
  });
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    if (wanted[r]) emit_until(r, m.classes);
  }
}

struct Plan {
  Merge m;
  size_t cleared;  // bytes at the front of the workspace that must be 0
  size_t bytes;
};

Plan plan(const WindowMergeParams& p, void* workspace) {
  check_params(p);
  const int64_t cells = p.windows_x * p.windows_y * p.grid_h * p.grid_w;
  SCLIP_CHECK(cells * p.queries < 0xffffffff, kUnsupported, "window_merge: ", p.windows_x, "×", p.windows_y,
              " windows of ", p.grid_w, "×", p.grid_h, " patches and ", p.queries, " queries are 2^32 logits or more");
  Plan out{};
  auto* base = static_cast<uint8_t*>(workspace);
  const auto take = [&]<typename T>(T*& pointer, int64_t count) {
    if (base != nullptr) pointer = reinterpret_cast<T*>(base + out.bytes);
    out.bytes += static_cast<size_t>(ceil_div(count * static_cast<int64_t>(sizeof(T)), 128) * 128);
  };
  Merge& m = out.m;
  take(m.tally, p.classes);
  take(m.raw_tally, p.area_threshold ? p.classes : 0);
  out.cleared = out.bytes;
  take(m.kept_class, p.classes);
  take(m.kept_query, ceil_div(p.queries, kStep) * kStep);
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
    take(a.strips, a.strip_count);
    take(a.taps, photo);
    take(a.cell, 4 * windows * photo);
    take(a.weight, 4 * windows * photo);
  };
  axis(m.x, p.window_x, p.windows_x, p.window_width, p.grid_w, p.resized_width, p.photo_width, kColumns);
  axis(m.y, p.window_y, p.windows_y, p.window_height, p.grid_h, p.resized_height, p.photo_height, kRows);
  m.x.window_step = static_cast<int>(p.grid_h * p.grid_w);
  m.x.patch_step = 1;
  m.x.bad_window = MergeFault::kWindowX;
  m.x.gap = MergeFault::kGapX;
  m.y.window_step = static_cast<int>(p.windows_x * p.grid_h * p.grid_w);
  m.y.patch_step = static_cast<int>(p.grid_w);
  m.y.bad_window = MergeFault::kWindowY;
  m.y.gap = MergeFault::kGapY;

  m.logits = p.logits;
  m.query_class = p.query_class;
  m.queries = static_cast<int>(p.queries);
  m.classes = static_cast<int>(p.classes);
  m.logit_count = cells * p.queries;
  m.logit_limit = merge_logit_limit(p);
  m.scale = p.logit_scale * kLog2e;
  m.unscale = 1.0f / m.scale;
  m.prob_threshold = p.prob_threshold;
  m.area_threshold = p.area_threshold.value_or(0.0f);
  m.plane = p.photo_width * p.photo_height;
  m.labels = p.labels;
  m.wide_labels = p.label_dtype == DType::kU16;
  m.scores = p.scores;
  m.full_logits = p.full_logits;
  m.class_scores = p.class_scores;
  m.fault = p.fault;
  m.statistics = p.statistics;
  return out;
}

}  // namespace

size_t window_merge_cuda_workspace(const WindowMergeParams& p) {
  return plan(p, nullptr).bytes;
}

void window_merge_cuda(const WindowMergeParams& p, void* workspace, CudaQueue queue) {
  SCLIP_CHECK(p.logits != nullptr && p.window_x != nullptr && p.window_y != nullptr && p.query_class != nullptr &&
                  p.labels != nullptr && p.scores != nullptr,
              kInvalidArgument, "window_merge: logits, windows, query classes, labels and scores must be given");
  const Plan plan = sclip::plan(p, workspace);
  const Merge& m = plan.m;
  const auto check = [&](const char* kernel) {
    check_launch(kernel, p.windows_x, "×", p.windows_y, " windows of ", p.grid_w, "×", p.grid_h, " patches, ",
                 p.queries, " queries, ", p.classes, " classes, photo ", p.photo_width, "×", p.photo_height);
  };
  const bool filter = p.area_threshold.has_value();
  cudaMemsetAsync(workspace, 0, plan.cleared, queue.stream);
  if (p.fault) cudaMemsetAsync(p.fault, 0, sizeof(MergeFault), queue.stream);
  const int64_t strip_blocks = ceil_div(m.x.strip_count + m.y.strip_count, kPrepareThreads / 32);
  window_merge_prepare_kernel<<<grid_size(strip_blocks + (p.fault ? check_blocks(queue) : 0)), kPrepareThreads, 0, queue.stream>>>(m);
  check("window_merge_prepare");

  const unsigned tiles = grid_size(static_cast<int64_t>(m.x.strip_count) * m.y.strip_count);
  const auto merge = [&](auto kernel) { kernel<<<tiles, kThreads, 0, queue.stream>>>(m); };
  if (p.full_logits) {
    filter ? merge(window_merge_kernel<true, true>) : merge(window_merge_kernel<false, true>);
  } else {
    filter ? merge(window_merge_kernel<true, false>) : merge(window_merge_kernel<false, false>);
  }
  check("window_merge");
  if (p.class_scores) {
    merge(window_merge_class_scores_kernel);
    check("window_merge_class_scores");
  }
  if (filter) {
    window_merge_choose_kernel<<<1, 1024, 0, queue.stream>>>(m);
    check("window_merge_choose");
    merge(window_merge_refilter_kernel);
    check("window_merge_refilter");
    if (p.class_scores) {
      const int parts = static_cast<int>(std::min<int64_t>(ceil_div(m.plane, kThreads * 8), 64));
      window_merge_clear_kernel<<<grid_size(p.classes * parts), kThreads, 0, queue.stream>>>(m, parts);
      check("window_merge_clear");
    }
  }
  if (p.statistics) {
    window_merge_statistics_kernel<<<grid_size(ceil_div(p.classes, kThreads)), kThreads, 0, queue.stream>>>(m);
    check("window_merge_statistics");
  }
}

}  // namespace sclip
