// From planes of logits to labels, for when something stands between the merge and the softmax (a refinement): the rule
// of label_rule.h, fed with the planes of a few queries at a time, so that K planes are never held.
//
// A pixel's state is its best logit and that query's class, a reference r (logit_scale · log2 e times the first query's
// logit) and the sum of 2^(logit_scale · log2 e · U − r), which moves to a new r where it would grow past 2^100. All of
// it depends on the order of the queries only, not on how they are grouped; a class's queries may be in several groups.
// window_merge runs the same steps on the same values: from window_planes's planes both give the same labels, scores
// and statistics, bit for bit, on either backend.
//
// How to call it. Every call gets the same rule, size, state and outputs:
//   1. kAdd        once a group of queries, ascending from query 0 on without a gap, to the last. Query 0 begins anew.
//   2. kFinish     labels, scores and statistics, by the filter and the threshold. Then `removed_pixels` tells how many
//                  pixels have a class that the area filter removed. None, or no filter: done.
//   3. kAddKept    otherwise all groups again, the same planes as before (made once more, or kept).
//   4. kFinishKept those pixels get the best of the classes that the filter kept.
// The classes that the filter removes are known at step 2 only, and what was second then is no longer known anywhere.
//
// Memory   the state is 8 bytes a pixel and 33 a class (and 16); in between labels hold the running class and scores
// the
//          running sum. With labels in u16 that is 14 bytes a pixel, and 4 for each plane of a group.
// Planes must be finite with |logit_scale · U| ≤ 1e8: a NaN or an infinity is an error that names its place.
// On CUDA every pointer is device memory, and what is wrong with the contents is noted in `fault` (merge_fault.h),
// which the launch clears first. Null: faults go unnoticed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/queue.h"
#include "kernels/cuda/queue.h"
#include "kernels/label_planes/label_rule.h"

namespace sclip {

struct MergeFault;

enum class LabelStep : uint8_t { kAdd, kFinish, kAddKept, kFinishKept };

// What a state begins with; the rest is the kernel's.
struct LabelStateHead {
  int64_t removed_pixels = 0;  // after kFinish
};

struct LabelPlanesParams {
  LabelStep step = LabelStep::kAdd;
  // kAdd and kAddKept: the planes of queries first_query … first_query + count − 1.
  const float* planes = nullptr;  // (count, H0, W0) U, the cosines
  int64_t first_query = 0;
  int64_t count = 0;

  LabelRule rule;
  int64_t height = 0;     // H0
  int64_t width = 0;      // W0; W0 · H0 < 2^31
  void* state = nullptr;  // label_state_bytes(…), aligned to 64; starts with a LabelStateHead
  LabelOutputs out;       // statistics are written by kFinish and again by kFinishKept
};

// Bytes of `state`.
size_t label_state_bytes(int64_t height, int64_t width, int64_t classes);

inline void check_params(const LabelPlanesParams& p) {
  check_params("label_planes", p.rule, p.out, /*with_scores=*/true);
  SCLIP_CHECK(p.height >= 1 && p.width >= 1 && p.width < (int64_t{1} << 31) / p.height, kInvalidArgument,
              "label_planes: planes of ", p.width, "×", p.height, " pixels; they must have 1 to 2^31 − 1");
  SCLIP_CHECK(p.state != nullptr, kInvalidArgument, "label_planes: the state must be given");
  if (p.step != LabelStep::kAdd && p.step != LabelStep::kAddKept) return;
  SCLIP_CHECK(p.planes != nullptr && p.count >= 1 && p.first_query >= 0 && p.first_query + p.count <= p.rule.queries,
              kInvalidArgument, "label_planes: planes of the queries ", p.first_query, " to ",
              p.first_query + p.count - 1, " of ", p.rule.queries, "; give at least one, and none beyond the last");
}

void label_planes_cpu(const LabelPlanesParams& params, CpuQueue queue);
void label_planes_cuda(const LabelPlanesParams& params, MergeFault* fault, CudaQueue queue);

namespace ref {
// All at once, in double. `planes` (K, pixels); `class_scores` (Q, pixels) s after the area filter, or null.
void label_planes(const double* planes, const LabelRule& rule, int64_t pixels, const LabelOutputs& out,
                  double* class_scores);
}  // namespace ref

}  // namespace sclip
