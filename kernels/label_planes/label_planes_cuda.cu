// From planes of logits to labels, a group of planes a launch (label_planes.h).
//
// Maths      The softmax of labelling.cuh, in base 2 with the first query's logit as its reference, resumed from the
//            state; scores and the area filter as label_rule.h has them.
// Tiling     A thread a pixel: lanes are neighbouring pixels, so that each plane is read in whole lines. 8 planes are
//            loaded before they are added: 8 loads in flight a thread.
// Shared     1.3 KiB for a block's tally. No bank conflicts: a warp adds with one lane.
// Occupancy  256 threads, at most 40 registers: 6 blocks, 75 % of an SM; the one block that chooses the classes has
//            1024 threads, at most 64 registers: 1 block.
// Limit      DRAM: 4 bytes a pixel and plane, and 14 to read and 14 to write the state, labels and scores, once a
// group.
#include <algorithm>

#include "kernels/label_planes/label_tally.cuh"
#include "kernels/window_merge/note_fault.cuh"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256;

struct LabelPlanes {
  const float* planes;
  int first_query, count;
  int64_t pixels;
  float logit_limit;
  Labelling l;
  LabelState s;
  MergeFault* fault;
};

__device__ __forceinline__ int64_t pixel_of_thread() {
  return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
}

// One block's share of: are the classes in order?
__device__ __forceinline__ void check_classes(const LabelPlanes& p) {
  if (p.first_query != 0 || blockIdx.x != 0) return;
  for (int k = static_cast<int>(threadIdx.x); k < p.l.queries; k += kThreads) {
    const int c = p.l.query_class[k], before = k == 0 ? 0 : p.l.query_class[k - 1];
    if (c < before || c >= p.l.classes) note_fault(p.fault, MergeFault::kQuery, k, static_cast<uint32_t>(c));
  }
}

__global__ void __launch_bounds__(kThreads, 6) label_planes_add_kernel(const __grid_constant__ LabelPlanes p) {
  check_classes(p);
  const int64_t pixel = pixel_of_thread();
  if (pixel >= p.pixels) return;
  Softmax softmax;
  if (p.first_query != 0) {
    softmax.reference = p.s.reference[pixel];
    softmax.best = p.s.best[pixel];
    softmax.sum = p.l.scores[pixel];
  }
  unsigned largest = 0;  // magnitude's bits, by which a NaN counts as larger than infinity
#pragma unroll 1
  for (int k = 0; k < p.count; k += kStep) {
    float x[kStep];
#pragma unroll
    for (int j = 0; j < kStep; ++j) x[j] = k + j < p.count ? p.planes[(k + j) * p.pixels + pixel] : -INFINITY;
#pragma unroll
    for (int j = 0; j < kStep; ++j) {
      if (k + j < p.count) largest = max(largest, __float_as_uint(x[j]) & 0x7fffffff);
    }
    softmax.add(x, p.first_query + k, p.l.scale);
  }
  if (largest > __float_as_uint(p.logit_limit)) note_fault(p.fault, MergeFault::kPlane, pixel, largest);
  p.s.reference[pixel] = softmax.reference;
  p.s.best[pixel] = softmax.best;
  p.l.scores[pixel] = softmax.sum;
  if (softmax.query >= 0) {
    store_label(p.l, pixel, class_of(p.l, softmax.query));
  } else if (p.first_query == 0) {
    store_label(p.l, pixel, 0);  // nothing but NaN: a fault, but labels are read as indices
  }
}

// Scores in place of the sums, and the tally. kFilter: of what the area filter chooses by; otherwise of the results.
template <bool kFilter>
__global__ void __launch_bounds__(kThreads, 6) label_planes_score_kernel(const __grid_constant__ LabelPlanes p) {
  __shared__ TallySlots slots;
  clear_slots(slots);
  __syncthreads();
  const int64_t pixel = pixel_of_thread();
  int label = -1;
  float score = 0;
  if (pixel < p.pixels) {
    Softmax softmax;
    softmax.reference = p.s.reference[pixel];
    softmax.best = p.s.best[pixel];
    softmax.sum = p.l.scores[pixel];
    score = softmax.score(p.l.scale);
    label = load_label(p.l, pixel);
    p.l.scores[pixel] = score;
    if (!kFilter && score < p.l.prob_threshold) {
      label = p.l.low_label;
      store_label(p.l, pixel, label);
    }
  }
  LabelTally* tally = kFilter ? p.s.raw : p.s.total;
  tally_warp(slots, tally, static_cast<int>(threadIdx.x) % 32, slot_of(p.l, label), score);
  leave_slots(slots, tally);
}

__global__ void __launch_bounds__(1024) label_planes_choose_kernel(const __grid_constant__ LabelPlanes p) {
  choose_kept(p.l, p.s.raw, p.s.kept_class, nullptr);
}

// Finishes the pixels whose class was kept; marks and counts the others.
__global__ void __launch_bounds__(kThreads, 6) label_planes_filter_kernel(const __grid_constant__ LabelPlanes p) {
  __shared__ TallySlots slots;
  clear_slots(slots);
  __syncthreads();
  const int64_t pixel = pixel_of_thread();
  int label = -1;
  float score = 0;
  bool removed = false;
  if (pixel < p.pixels) {
    const int before = load_label(p.l, pixel);
    removed = p.s.kept_class[before] == 0;
    p.s.reference[pixel] = removed ? -INFINITY : INFINITY;
    if (!removed) {
      score = p.l.scores[pixel];
      label = score < p.l.prob_threshold ? p.l.low_label : before;
      if (label != before) store_label(p.l, pixel, label);
    }
  }
  const int count = __syncthreads_count(removed);
  if (threadIdx.x == 0 && count > 0) {
    atomicAdd(reinterpret_cast<unsigned long long*>(&p.s.head->removed_pixels), static_cast<unsigned long long>(count));
  }
  tally_warp(slots, p.s.total, static_cast<int>(threadIdx.x) % 32, slot_of(p.l, label), score);
  leave_slots(slots, p.s.total);
}

// The best of the classes that the filter kept, for the marked pixels.
__global__ void __launch_bounds__(kThreads, 6) label_planes_add_kept_kernel(const __grid_constant__ LabelPlanes p) {
  const int64_t pixel = pixel_of_thread();
  if (pixel >= p.pixels) return;
  const float before = p.s.reference[pixel];
  if (before == INFINITY) return;
  float kept = before;
  int query = 0;
#pragma unroll 4
  for (int k = 0; k < p.count; ++k) {
    if (p.s.kept_class[class_of(p.l, p.first_query + k)] == 0) continue;
    const float x = p.planes[k * p.pixels + pixel];
    if (x > kept) {
      kept = x;
      query = p.first_query + k;
    }
  }
  if (kept == before) return;
  p.s.reference[pixel] = kept;
  store_label(p.l, pixel, class_of(p.l, query));
}

__global__ void __launch_bounds__(kThreads, 6) label_planes_finish_kept_kernel(const __grid_constant__ LabelPlanes p) {
  __shared__ TallySlots slots;
  clear_slots(slots);
  __syncthreads();
  const int64_t pixel = pixel_of_thread();
  int label = -1;
  float score = 0;
  if (pixel < p.pixels && p.s.reference[pixel] != INFINITY) {
    const int before = load_label(p.l, pixel);
    score = score_of(p.s.reference[pixel], p.s.best[pixel], p.l.scores[pixel], p.l.scale);
    label = score > 0 ? before : 0;  // all scores 0: the lowest class
    if (score < p.l.prob_threshold) label = p.l.low_label;
    p.l.scores[pixel] = score;
    if (label != before) store_label(p.l, pixel, label);
  }
  tally_warp(slots, p.s.total, static_cast<int>(threadIdx.x) % 32, slot_of(p.l, label), score);
  leave_slots(slots, p.s.total);
}

__global__ void __launch_bounds__(kThreads) label_planes_statistics_kernel(const __grid_constant__ LabelPlanes p) {
  write_statistics(p.l, p.s.total);
}

}  // namespace

void label_planes_cuda(const LabelPlanesParams& params, MergeFault* fault, CudaQueue queue) {
  check_params(params);
  if (fault) cudaMemsetAsync(fault, 0, sizeof(MergeFault), queue.stream);
  const LabelPlanes p{.planes = params.planes,
                      .first_query = static_cast<int>(params.first_query),
                      .count = static_cast<int>(params.count),
                      .pixels = params.height * params.width,
                      .logit_limit = logit_limit(params.rule),
                      .l = make_labelling(params.rule, params.out),
                      .s = label_state(params),
                      .fault = fault};
  const unsigned blocks = grid_size(ceil_div(p.pixels, kThreads));
  const auto launch = [&](const char* name, auto kernel, unsigned grid, unsigned threads) {
    kernel<<<grid, threads, 0, queue.stream>>>(p);
    check_launch(name, params.width, "×", params.height, " pixels, queries from ", params.first_query, ", ",
                 params.count, " of ", params.rule.queries, ", ", params.rule.classes, " classes");
  };
  switch (params.step) {
    case LabelStep::kAdd: return launch("label_planes_add", label_planes_add_kernel, blocks, kThreads);
    case LabelStep::kFinish: {
      const auto tally = [](int64_t labels) { return sizeof(LabelTally) * static_cast<size_t>(labels); };
      cudaMemsetAsync(p.s.raw, 0, tally(params.rule.classes), queue.stream);
      cudaMemsetAsync(p.s.total, 0, tally(label_slots(params.rule)), queue.stream);
      cudaMemsetAsync(p.s.head, 0, sizeof(LabelStateHead), queue.stream);
      if (!params.rule.area_threshold) {
        launch("label_planes_score", label_planes_score_kernel<false>, blocks, kThreads);
      } else {
        launch("label_planes_score", label_planes_score_kernel<true>, blocks, kThreads);
        launch("label_planes_choose", label_planes_choose_kernel, 1, 1024);
        launch("label_planes_filter", label_planes_filter_kernel, blocks, kThreads);
      }
      break;
    }
    case LabelStep::kAddKept: return launch("label_planes_add_kept", label_planes_add_kept_kernel, blocks, kThreads);
    case LabelStep::kFinishKept:
      launch("label_planes_finish_kept", label_planes_finish_kept_kernel, blocks, kThreads);
      break;
  }
  if (params.out.statistics == nullptr) return;
  launch("label_planes_statistics", label_planes_statistics_kernel,
         grid_size(ceil_div(label_slots(params.rule), kThreads)), kThreads);
}

}  // namespace sclip
