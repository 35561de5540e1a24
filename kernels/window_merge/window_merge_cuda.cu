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
#include "kernels/cuda/launch.h"
#include "kernels/window_merge/merge_strips.cuh"
#include "kernels/window_merge/window_merge.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kColumns = 32;
constexpr int kRowsPerWarp = 2;
constexpr int kRows = kRowsPerWarp * kWarps;
constexpr int kStep = 8;         // queries of one step of the online softmax
constexpr int kPool = 21 * 256;  // floats
constexpr int kSlots = 64;       // of the block's tally
constexpr float kScoreUnit = 0x1p30f;
constexpr float kLog2e = 1.44269504088896341f;

static_assert(kPool >= kStep * (kMaxGroups + 1) * (kMaxGroups + kWarps));  // one step fits at least

struct ClassTally {
  unsigned long long score_sum;  // in units of 2^-30
  unsigned pixels;
  unsigned max_score;  // bits; scores are not negative, so their bits compare as they do
};

struct Merge {
  const float* logits;
  const int* query_class;
  int queries, classes;
  int64_t logit_count;
  float logit_limit;
  float scale;    // logit_scale · log2 e
  float unscale;  // its inverse
  float prob_threshold, area_threshold;
  MergeAxisTables x, y;
  int64_t plane;
  void* labels;
  bool wide_labels;  // u16
  float* scores;
  float* full_logits;
  float* class_scores;
  MergeFault* fault;
  MergeStatistics* statistics;
  ClassTally* tally;      // (Q) of the results
  ClassTally* raw_tally;  // (Q) before the area filter
  uint8_t* kept_class;    // (Q)
  uint8_t* kept_query;    // (K rounded up to kStep)
};

enum class Mode { kEvaluate, kRefilter, kClassScores };

// ---- Before the merge: the axes, and whether the inputs can be trusted.

constexpr int kPrepareThreads = 128;
constexpr int kCheckBlocks = 264;  // two for each of the 132 multiprocessors of an H100

__global__ void __launch_bounds__(kPrepareThreads) window_merge_prepare_kernel(const __grid_constant__ Merge m) {
  __shared__ int cells[kPrepareThreads / 32][kMaxMembers], group_of[kPrepareThreads / 32][kMaxMembers];
  const int strips = m.x.strip_count + m.y.strip_count;
  const int strip_blocks = (strips + kPrepareThreads / 32 - 1) / (kPrepareThreads / 32);
  const int block = static_cast<int>(blockIdx.x);
  if (block < strip_blocks) {
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int strip = block * (kPrepareThreads / 32) + warp;
    if (strip >= strips) return;
    const bool is_x = strip < m.x.strip_count;
    build_strip(is_x ? m.x : m.y, is_x ? strip : strip - m.x.strip_count, m.fault, cells[warp], group_of[warp]);
    return;
  }
  const int64_t first = static_cast<int64_t>(block - strip_blocks) * kPrepareThreads + threadIdx.x;
  constexpr int64_t kStride = kCheckBlocks * kPrepareThreads;
  for (int64_t i = first; i < m.queries; i += kStride) {
    const int c = m.query_class[i], before = i == 0 ? 0 : m.query_class[i - 1];
    if (c < before || c >= m.classes) note_fault(m.fault, MergeFault::kQuery, i, static_cast<uint32_t>(c));
  }
#pragma unroll 4
  for (int64_t i = first; i < m.logit_count; i += kStride) {
    const float logit = m.logits[i];
    if (!(fabsf(logit) <= m.logit_limit)) note_fault(m.fault, MergeFault::kLogit, i, __float_as_uint(logit));
  }
}

// ---- The merge.

struct Shared {
  alignas(16) float pool[kPool];
  float row_weight[kMaxGroups][kRows];
  int row_begin[kMaxGroups + 1], column_begin[kMaxGroups + 1];
  int row_member[kMaxMembers], column_member[kMaxMembers];
  // The block's tally: slot label % kSlots belongs to the first label that takes it; others go to global memory.
  int slot_label[kSlots];
  unsigned slot_pixels[kSlots], slot_max[kSlots], slot_sum_low[kSlots], slot_sum_high[kSlots];
};

// What a lane knows of its place.
struct Place {
  int lane, warp;
  int x;                // of the lane's pixels
  int y[kRowsPerWarp];  // of the warp's rows
  int row_groups, column_groups;
  const MergeStrip* columns;
  bool direct;  // a strip has too many groups
};

__device__ __forceinline__ float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ __forceinline__ float max_of(const float (&x)[kStep]) {
  return fmaxf(fmaxf(fmaxf(x[0], x[1]), fmaxf(x[2], x[3])), fmaxf(fmaxf(x[4], x[5]), fmaxf(x[6], x[7])));
}

__device__ __forceinline__ int first_equal(const float (&x)[kStep], float value) {
  int first = 0;
#pragma unroll
  for (int j = kStep - 1; j >= 0; --j) first = x[j] == value ? j : first;
  return first;
}

__device__ __forceinline__ int class_of(const Merge& m, int query) {
  return min(max(m.query_class[query], 0), m.classes - 1);
}

// The maximum, its query and Σ 2^(logit − maximum) of the queries so far.
struct Softmax {
  float best = -INFINITY, sum = 0;
  int query = 0;

  __device__ __forceinline__ void add(const float (&x)[kStep], int k) {
    const float top = max_of(x);
    if (top > best) {
      sum *= exp2_approx(best - top);
      best = top;
      query = k + first_equal(x, top);
    }
    float e[kStep];
#pragma unroll
    for (int j = 0; j < kStep; ++j) e[j] = exp2_approx(x[j] - best);
    sum += ((e[0] + e[1]) + (e[2] + e[3])) + ((e[4] + e[5]) + (e[6] + e[7]));
  }
};

// The maximum of all queries, and that of the queries that the area filter keeps.
struct KeptBest {
  float best = -INFINITY, kept = -INFINITY;
  int query = 0;

  __device__ __forceinline__ void add(const float (&x)[kStep], int k, const uint8_t* kept_query) {
    best = fmaxf(best, max_of(x));
    const uint2 flags = *reinterpret_cast<const uint2*>(kept_query + k);
    if ((flags.x | flags.y) == 0) return;
    float y[kStep];
#pragma unroll
    for (int j = 0; j < kStep; ++j) {
      y[j] = ((j < 4 ? flags.x : flags.y) >> (j % 4 * 8) & 0xff) != 0 ? x[j] : -INFINITY;
    }
    const float top = max_of(y);
    if (top > kept) {
      kept = top;
      query = k + first_equal(y, top);
    }
  }
};

// S and M hold steps of 8 queries: the 8 of the first column group, of the second and so on, so that a step of one
// pixel reads at constant distances. The pitch, in floats, is an odd number of eights: fold writes 4 steps of a group
// at once.
__host__ __device__ constexpr int pitch_of(int column_groups) {
  return (column_groups | 1) * kStep;
}

// Queries that fit shared memory at once: even chunks, a multiple of kStep.
__device__ __forceinline__ int chunk_size(int queries, int row_groups, int column_groups) {
  const int most = kPool / (pitch_of(column_groups) * (row_groups + kWarps)) * kStep;
  const int chunks = (queries + most - 1) / most;
  return ((queries + chunks - 1) / chunks + kStep - 1) / kStep * kStep;
}

// S[gy] for queries k0 … k0 + chunk; zeros past the last query.
__device__ __forceinline__ void fold(const Merge& m, Shared& s, const Place& at, float* folded, int k0, int chunk) {
  const int parts = (chunk + 31) / 32;
  const int tasks = at.row_groups * at.column_groups * parts;
  const int pitch = pitch_of(at.column_groups);
  for (int task = at.warp; task < tasks; task += kWarps) {
    const int group = task / parts, k = task % parts * 32 + at.lane;
    if (k >= chunk) continue;
    const int gy = group / at.column_groups, gx = group % at.column_groups;
    float sum = 0;
    if (k0 + k < m.queries) {
#pragma unroll 1
      for (int r = s.row_begin[gy]; r < s.row_begin[gy + 1]; ++r) {
#pragma unroll 2
        for (int c = s.column_begin[gx]; c < s.column_begin[gx + 1]; ++c) {
          sum += m.logits[static_cast<int64_t>(s.row_member[r] + s.column_member[c]) * m.queries + k0 + k];
        }
      }
    }
    folded[(gy * (chunk / kStep) + k / kStep) * pitch + gx * kStep + k % kStep] = sum;
  }
}

// M of row `row` of the tile. Where the pitch leaves a gap, so does S: nobody reads it.
__device__ __forceinline__ void mix(const Shared& s, const Place& at, const float* folded, float* mixed, int row,
                                    int chunk) {
  const int vectors = pitch_of(at.column_groups) * (chunk / kStep) / 4;
  for (int i = at.lane; i < vectors; i += 32) {
    float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 1
    for (int gy = 0; gy < at.row_groups; ++gy) {
      const float w = s.row_weight[gy][row];
      const float4 v = reinterpret_cast<const float4*>(folded)[gy * vectors + i];
      sum = make_float4(fmaf(w, v.x, sum.x), fmaf(w, v.y, sum.y), fmaf(w, v.z, sum.z), fmaf(w, v.w, sum.w));
    }
    reinterpret_cast<float4*>(mixed)[i] = sum;
  }
}

__device__ __forceinline__ void axpy(float (&x)[kStep], float w, const float* mixed) {
  const float4 a = *reinterpret_cast<const float4*>(mixed), b = *reinterpret_cast<const float4*>(mixed + 4);
  x[0] = fmaf(w, a.x, x[0]), x[1] = fmaf(w, a.y, x[1]), x[2] = fmaf(w, a.z, x[2]), x[3] = fmaf(w, a.w, x[3]);
  x[4] = fmaf(w, b.x, x[4]), x[5] = fmaf(w, b.y, x[5]), x[6] = fmaf(w, b.z, x[6]), x[7] = fmaf(w, b.w, x[7]);
}

// Past the last query there is nothing that could be the best or add to the sum.
__device__ __forceinline__ void mask_tail(float (&x)[kStep], int k, int queries) {
  if (k + kStep <= queries) return;
#pragma unroll
  for (int j = 0; j < kStep; ++j) {
    if (k + j >= queries) x[j] = -INFINITY;
  }
}

// Calls visit(r, x, k) for row r of the warp's `wanted` rows and x the scaled logits of queries k … k + 7 at the lane's
// pixel. All threads of the block take part. kGroups: column groups; 0: any number.
template <int kGroups, typename Visit>
__device__ __forceinline__ void sweep(const Merge& m, Shared& s, const Place& at, const bool (&wanted)[kRowsPerWarp],
                                      const Visit& visit) {
  const int groups = kGroups == 0 ? at.column_groups : kGroups;
  const int chunk = chunk_size(m.queries, at.row_groups, groups);
  const int pitch = pitch_of(groups);
  float* mixed = s.pool + at.warp * pitch * (chunk / kStep);
  float* folded = s.pool + kWarps * pitch * (chunk / kStep);
  const float* weights = &at.columns->weight[0][at.lane];
  float w[kGroups == 0 ? 1 : kGroups];
  if constexpr (kGroups != 0) {
#pragma unroll
    for (int g = 0; g < kGroups; ++g) w[g] = weights[g * kStripLanes];
  }
  for (int k0 = 0; k0 < m.queries; k0 += chunk) {
    __syncthreads();
    fold(m, s, at, folded, k0, chunk);
    __syncthreads();
    const int count = min(chunk, m.queries - k0);
#pragma unroll
    for (int r = 0; r < kRowsPerWarp; ++r) {
      if (!wanted[r]) continue;
      mix(s, at, folded, mixed, at.warp + r * kWarps, chunk);
      __syncwarp();
      const float* step = mixed;
#pragma unroll 1
      for (int k = 0; k < count; k += kStep, step += pitch) {
        float x[kStep] = {};
        if constexpr (kGroups != 0) {
#pragma unroll
          for (int g = 0; g < kGroups; ++g) axpy(x, w[g], step + g * kStep);
        } else {
#pragma unroll 1
          for (int g = 0; g < groups; ++g) axpy(x, weights[g * kStripLanes], step + g * kStep);
        }
        mask_tail(x, k0 + k, m.queries);
        visit(r, x, k0 + k);
      }
      __syncwarp();  // before the next row is mixed
    }
  }
}

// The same from the taps of each pixel, without shared memory.
template <typename Visit>
__device__ __forceinline__ void sweep_direct(const Merge& m, const Place& at, const bool (&wanted)[kRowsPerWarp],
                                             const Visit& visit) {
  const int column_taps = at.x < m.x.photo ? m.x.taps[at.x] : 0;
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) {
    if (!wanted[r]) continue;
    const int row_taps = m.y.taps[at.y[r]];
#pragma unroll 1
    for (int k = 0; k < m.queries; k += kStep) {
      float x[kStep] = {};
#pragma unroll 1
      for (int i = 0; i < row_taps; ++i) {
        const int64_t tap_y = static_cast<int64_t>(i) * m.y.photo + at.y[r];
        const float wy = m.y.weight[tap_y] * m.scale;
#pragma unroll 1
        for (int j = 0; j < column_taps; ++j) {
          const int64_t tap_x = static_cast<int64_t>(j) * m.x.photo + at.x;
          const float w = wy * m.x.weight[tap_x];
          const float* from = m.logits + static_cast<int64_t>(m.y.cell[tap_y] + m.x.cell[tap_x]) * m.queries + k;
#pragma unroll
          for (int q = 0; q < kStep; ++q) {
            if (k + q < m.queries) x[q] = fmaf(w, from[q], x[q]);
          }
        }
      }
      mask_tail(x, k, m.queries);
      visit(r, x, k);
    }
  }
}

template <typename Visit>
__device__ __forceinline__ void sweep_any(const Merge& m, Shared& s, const Place& at,
                                          const bool (&wanted)[kRowsPerWarp], const Visit& visit) {
  if (at.direct) return sweep_direct(m, at, wanted, visit);
  switch (at.column_groups) {
    case 1: return sweep<1>(m, s, at, wanted, visit);
    case 2: return sweep<2>(m, s, at, wanted, visit);
    case 3: return sweep<3>(m, s, at, wanted, visit);
    case 4: return sweep<4>(m, s, at, wanted, visit);
    case 5: return sweep<5>(m, s, at, wanted, visit);
    case 6: return sweep<6>(m, s, at, wanted, visit);
    default: return sweep<0>(m, s, at, wanted, visit);
  }
}

__device__ __forceinline__ void add_to_global(ClassTally& tally, unsigned pixels, unsigned long long sum,
                                              unsigned max) {
  atomicAdd(&tally.pixels, pixels);
  atomicAdd(&tally.score_sum, sum);
  atomicMax(&tally.max_score, max);
}

// Adds a warp's row, class by class: neighbours mostly share one. Lanes outside the photo come with label −1 and score
// 0.
__device__ __forceinline__ void tally_row(Shared& s, ClassTally* tally, int lane, int label, float score) {
  const auto units = static_cast<unsigned>(static_cast<int>(__fadd_rn(score * kScoreUnit, 0.5f)));
  __syncwarp();
  unsigned left = __ballot_sync(kFullWarp, label >= 0);
  while (left != 0) {
    const int current = __shfl_sync(kFullWarp, label, __ffs(static_cast<int>(left)) - 1);
    const unsigned members = __ballot_sync(kFullWarp, label == current);
    left &= ~members;
    const unsigned mine = (members >> lane & 1) != 0 ? 0xffffffffu : 0;
    // In halves: the sums of 512 pixels fit 32 bits.
    const unsigned low = __reduce_add_sync(kFullWarp, units & 0xffff & mine);
    const unsigned high = __reduce_add_sync(kFullWarp, units >> 16 & mine);
    const unsigned most = __reduce_max_sync(kFullWarp, __float_as_uint(score) & mine);
    if (lane == 0) {
      const auto pixels = static_cast<unsigned>(__popc(members));
      const int slot = current % kSlots;
      const int owner = atomicCAS(&s.slot_label[slot], -1, current);
      if (owner == -1 || owner == current) {
        atomicAdd(&s.slot_pixels[slot], pixels);
        atomicAdd(&s.slot_sum_low[slot], low);
        atomicAdd(&s.slot_sum_high[slot], high);
        atomicMax(&s.slot_max[slot], most);
      } else {
        add_to_global(tally[current], pixels, (static_cast<unsigned long long>(high) << 16) + low, most);
      }
    }
    __syncwarp();
  }
}

__device__ __forceinline__ void store_label(const Merge& m, int64_t pixel, int label) {
  if (m.wide_labels) {
    static_cast<uint16_t*>(m.labels)[pixel] = static_cast<uint16_t>(label);
  } else {
    static_cast<uint8_t*>(m.labels)[pixel] = static_cast<uint8_t>(label);
  }
}

__device__ __forceinline__ int load_label(const Merge& m, int64_t pixel) {
  return m.wide_labels ? static_cast<const uint16_t*>(m.labels)[pixel] : static_cast<const uint8_t*>(m.labels)[pixel];
}

// Where the block is, and its tables in shared memory. Ends without a barrier.
__device__ __forceinline__ Place enter_tile(const Merge& m, Shared& s) {
  const int column = static_cast<int>(blockIdx.x) % m.x.strip_count,
            row = static_cast<int>(blockIdx.x) / m.x.strip_count;
  const MergeStrip& columns = m.x.strips[column];
  const MergeStrip& rows = m.y.strips[row];
  Place at;
  const int t = static_cast<int>(threadIdx.x);
  at.lane = t % 32;
  at.warp = t / 32;
  at.x = column * kColumns + at.lane;
#pragma unroll
  for (int r = 0; r < kRowsPerWarp; ++r) at.y[r] = row * kRows + at.warp + r * kWarps;
  at.columns = &columns;
  at.row_groups = rows.groups;
  at.column_groups = columns.groups;
  at.direct = rows.groups == 0 || columns.groups == 0;
  if (t < kSlots) {
    s.slot_label[t] = -1;
    s.slot_pixels[t] = s.slot_max[t] = s.slot_sum_low[t] = s.slot_sum_high[t] = 0;
  }
  if (at.direct) return at;
  if (t <= at.column_groups) s.column_begin[t] = columns.begin[t];
  if (t <= at.row_groups) s.row_begin[t] = rows.begin[t];
  if (t < columns.begin[at.column_groups]) s.column_member[t] = columns.member[t];
  if (t < rows.begin[at.row_groups]) s.row_member[t] = rows.member[t];
  for (int i = t; i < at.row_groups * kRows; i += kThreads) {
    s.row_weight[i / kRows][i % kRows] = rows.weight[i / kRows][i % kRows] * m.scale;
  }
  return at;
}

__device__ __forceinline__ void leave_tile(const Shared& s, ClassTally* tally) {
  __syncthreads();
  const int t = static_cast<int>(threadIdx.x);
  if (t >= kSlots || s.slot_label[t] < 0) return;
  add_to_global(tally[s.slot_label[t]], s.slot_pixels[t],
                (static_cast<unsigned long long>(s.slot_sum_high[t]) << 16) + s.slot_sum_low[t], s.slot_max[t]);
}

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

// ---- Around the passes.

// One block. Which classes the filter keeps, from the raw counts; in f32, as torch compares them.
__global__ void __launch_bounds__(1024) window_merge_choose_kernel(const __grid_constant__ Merge m) {
  __shared__ unsigned foreground;
  const int t = static_cast<int>(threadIdx.x);
  if (t == 0) foreground = 0;
  __syncthreads();
  unsigned count = 0;
  for (int q = t; q < m.classes; q += 1024) count += q == 0 ? 0 : m.raw_tally[q].pixels;
  count = __reduce_add_sync(kFullWarp, count);
  if (t % 32 == 0) atomicAdd(&foreground, count);
  __syncthreads();
  const float enough = __fmul_rn(m.area_threshold, static_cast<float>(foreground));
  const auto keeps = [&](int q) { return q == 0 || static_cast<float>(m.raw_tally[q].pixels) > enough; };
  for (int q = t; q < m.classes; q += 1024) m.kept_class[q] = keeps(q) ? 1 : 0;
  const int padded = (m.queries + kStep - 1) / kStep * kStep;
  for (int k = t; k < padded; k += 1024) m.kept_query[k] = k < m.queries && keeps(class_of(m, k)) ? 1 : 0;
}

// blockIdx.x = class · parts + part.
__global__ void __launch_bounds__(kThreads) window_merge_clear_kernel(const __grid_constant__ Merge m, int parts) {
  const int q = static_cast<int>(blockIdx.x) / parts;
  if (m.kept_class[q] != 0) return;
  const int64_t first = static_cast<int64_t>(static_cast<int>(blockIdx.x) % parts) * kThreads + threadIdx.x;
  for (int64_t i = first; i < m.plane; i += static_cast<int64_t>(parts) * kThreads) m.class_scores[q * m.plane + i] = 0;
}

__global__ void __launch_bounds__(kThreads) window_merge_statistics_kernel(const __grid_constant__ Merge m) {
  const int q = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (q >= m.classes) return;
  const ClassTally& t = m.tally[q];
  m.statistics[q].pixels = t.pixels;
  m.statistics[q].score_sum = static_cast<double>(t.score_sum) * (1.0 / static_cast<double>(kScoreUnit));
  m.statistics[q].max_score = __uint_as_float(t.max_score);
}

// ---- The host's side.

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
  cudaMemsetAsync(workspace, 0, plan.cleared, queue);
  if (p.fault) cudaMemsetAsync(p.fault, 0, sizeof(MergeFault), queue);
  const int64_t strip_blocks = ceil_div(m.x.strip_count + m.y.strip_count, kPrepareThreads / 32);
  window_merge_prepare_kernel<<<grid_size(strip_blocks + (p.fault ? kCheckBlocks : 0)), kPrepareThreads, 0, queue>>>(m);
  check("window_merge_prepare");

  const unsigned tiles = grid_size(static_cast<int64_t>(m.x.strip_count) * m.y.strip_count);
  const auto merge = [&](auto kernel) { kernel<<<tiles, kThreads, 0, queue>>>(m); };
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
    window_merge_choose_kernel<<<1, 1024, 0, queue>>>(m);
    check("window_merge_choose");
    merge(window_merge_refilter_kernel);
    check("window_merge_refilter");
    if (p.class_scores) {
      const int parts = static_cast<int>(std::min<int64_t>(ceil_div(m.plane, kThreads * 8), 64));
      window_merge_clear_kernel<<<grid_size(p.classes * parts), kThreads, 0, queue>>>(m, parts);
      check("window_merge_clear");
    }
  }
  if (p.statistics) {
    window_merge_statistics_kernel<<<grid_size(ceil_div(p.classes, kThreads)), kThreads, 0, queue>>>(m);
    check("window_merge_statistics");
  }
}

}  // namespace sclip
