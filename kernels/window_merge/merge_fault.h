// What can be wrong with the contents of the inputs of window_merge, window_planes and label_planes, and the sentences
// that say so.
//
// The CPU kernels throw them. A CUDA kernel cannot: it notes the first of each kind in a MergeFault in device memory,
// which the stream hands to `check_merge_fault` when it is waited for. The results of a call with a fault are
// meaningless, but no memory outside the arguments is touched.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/label_planes/label_planes.h"
#include "kernels/window_merge/window_merge.h"
#include "sclip/error.h"

namespace sclip {

struct MergeFault {
  // In the order in which they are reported.
  enum Kind { kQuery, kWindowX, kGapX, kWindowY, kGapY, kLogit, kPlane, kKinds };

  // 0: none. Otherwise the complement of the index in the upper half, so that the largest code names the first
  // place, and the offending value's bits in the lower.
  uint64_t first[kKinds] = {};

  static constexpr uint32_t index(uint64_t code) { return ~static_cast<uint32_t>(code >> 32); }
  static constexpr uint32_t value(uint64_t code) { return static_cast<uint32_t>(code); }
};

[[noreturn]] inline void fail_on_query(const LabelRule& rule, int64_t query, int64_t query_class) {
  fail(ErrorCode::kInvalidArgument, "window_merge: query ", query, " belongs to class ", query_class,
       "; classes must ascend from query to query, from 0 on, and stay below ", rule.classes);
}

[[noreturn]] inline void fail_on_window(const char* axis, int64_t start, int64_t length, int64_t resized) {
  fail(ErrorCode::kInvalidArgument, "window_merge: the window at ", axis, " ", start, ", ", length,
       " long, does not lie within the ", resized, " of the resized photo");
}

[[noreturn]] inline void fail_on_gap(const char* axis, int64_t at, int64_t length, int64_t windows) {
  fail(ErrorCode::kInvalidArgument, "window_merge: no window covers ", axis, " ", at,
       " of the resized photo: its windows are ", length, " long and there are ", windows);
}

[[noreturn]] inline void fail_on_logit(const WindowLogits& w, float limit, int64_t index, float value) {
  const int64_t patches = w.grid_h * w.grid_w;
  fail(ErrorCode::kInvalidArgument, "window_merge: the logit of window ", index / w.queries / patches, ", patch ",
       index / w.queries % patches, ", query ", index % w.queries, " is ", value,
       "; it must be finite and its magnitude at most ", limit,
       ", so that logit_scale times it is at most 1e8: ", "are the weights or the text embeddings damaged?");
}

[[noreturn]] inline void fail_on_plane(const LabelPlanesParams& p, int64_t pixel, float value) {
  fail(ErrorCode::kInvalidArgument, "label_planes: a logit of the pixel at column ", pixel % p.width, ", row ",
       pixel / p.width, " is ", value, "; it must be finite and its magnitude at most ", logit_limit(p.rule),
       ", so that logit_scale times it is at most 1e8: did a refinement damage the planes?");
}

// On the CPU, where the classes can be read.
inline void check_query_classes(const LabelRule& rule) {
  for (int64_t k = 0; k < rule.queries; ++k) {
    const int32_t before = k == 0 ? 0 : rule.query_class[k - 1];
    if (rule.query_class[k] < before || rule.query_class[k] >= rule.classes) {
      fail_on_query(rule, k, rule.query_class[k]);
    }
  }
}

// The rest throw the sentence of the first fault, if there is one. `fault` is in host memory.
inline void check_merge_fault(const WindowLogits& w, float limit, const MergeFault& fault) {
  for (int kind = MergeFault::kWindowX; kind <= MergeFault::kLogit; ++kind) {
    if (fault.first[kind] == 0) continue;
    const int64_t index = MergeFault::index(fault.first[kind]);
    const uint32_t value = MergeFault::value(fault.first[kind]);
    switch (kind) {
      case MergeFault::kWindowX:
        fail_on_window("column", std::bit_cast<int32_t>(value), w.window_width, w.resized_width);
      case MergeFault::kGapX: fail_on_gap("column", index, w.window_width, w.windows_x);
      case MergeFault::kWindowY:
        fail_on_window("row", std::bit_cast<int32_t>(value), w.window_height, w.resized_height);
      case MergeFault::kGapY: fail_on_gap("row", index, w.window_height, w.windows_y);
      default: fail_on_logit(w, limit, index, std::bit_cast<float>(value));
    }
  }
}

inline void check_merge_fault(const LabelRule& rule, const MergeFault& fault) {
  const uint64_t code = fault.first[MergeFault::kQuery];
  if (code != 0) fail_on_query(rule, MergeFault::index(code), std::bit_cast<int32_t>(MergeFault::value(code)));
}

inline void check_merge_fault(const WindowMergeParams& p, const MergeFault& fault) {
  check_merge_fault(p.rule, fault);
  check_merge_fault(p.windows, logit_limit(p.rule), fault);
}

inline void check_merge_fault(const WindowPlanesParams& p, const MergeFault& fault) {
  check_merge_fault(p.windows, kPlaneLogitLimit, fault);
}

inline void check_merge_fault(const LabelPlanesParams& p, const MergeFault& fault) {
  check_merge_fault(p.rule, fault);
  const uint64_t code = fault.first[MergeFault::kPlane];
  if (code != 0) fail_on_plane(p, MergeFault::index(code), std::bit_cast<float>(MergeFault::value(code)));
}

}  // namespace sclip
