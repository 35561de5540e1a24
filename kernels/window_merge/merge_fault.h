// What can be wrong with the contents of window_merge's inputs, and the sentences that say so.
//
// The CPU kernel throws them. A CUDA kernel cannot: it notes the first of each kind in a MergeFault in device memory,
// which the caller downloads with the results and hands to `check_merge_fault` after its synchronise. The results of a
// call with a fault are meaningless, but no memory outside the arguments is touched.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/error.h"
#include "kernels/window_merge/window_merge.h"

namespace sclip {

struct MergeFault {
  // In the order in which they are reported.
  enum Kind { kQuery, kWindowX, kGapX, kWindowY, kGapY, kLogit, kKinds };

  // 0: none. Otherwise the complement of the index in the upper half, so that the largest code names the first
  // place, and the offending value's bits in the lower.
  uint64_t first[kKinds] = {};

  static constexpr uint32_t index(uint64_t code) { return ~static_cast<uint32_t>(code >> 32); }
  static constexpr uint32_t value(uint64_t code) { return static_cast<uint32_t>(code); }
};

// A logit whose magnitude is above this, or NaN, is a fault.
inline float merge_logit_limit(const WindowMergeParams& p) {
  return 1e30f / std::max(p.logit_scale, 1.0f);
}

[[noreturn]] inline void fail_on_query(const WindowMergeParams& p, int64_t query, int64_t query_class) {
  fail(ErrorCode::kInvalidArgument, "window_merge: query ", query, " belongs to class ", query_class,
       "; classes must ascend from query to query, from 0 on, and stay below ", p.classes);
}

[[noreturn]] inline void fail_on_window(const char* axis, int64_t start, int64_t length, int64_t resized) {
  fail(ErrorCode::kInvalidArgument, "window_merge: the window at ", axis, " ", start, ", ", length,
       " long, does not lie within the ", resized, " of the resized photo");
}

[[noreturn]] inline void fail_on_gap(const char* axis, int64_t at, int64_t length, int64_t windows) {
  fail(ErrorCode::kInvalidArgument, "window_merge: no window covers ", axis, " ", at,
       " of the resized photo: its windows are ", length, " long and there are ", windows);
}

[[noreturn]] inline void fail_on_logit(const WindowMergeParams& p, int64_t index, float value) {
  const int64_t patches = p.grid_h * p.grid_w;
  fail(ErrorCode::kInvalidArgument, "window_merge: the logit of window ", index / p.queries / patches, ", patch ",
       index / p.queries % patches, ", query ", index % p.queries, " is ", value,
       "; it must be finite and logit_scale (", p.logit_scale,
       ") times it at most 1e30: are the weights or the text embeddings damaged?");
}

// Throws the sentence of the first fault, if there is one. `fault` is in host memory.
inline void check_merge_fault(const WindowMergeParams& p, const MergeFault& fault) {
  for (int kind = 0; kind < MergeFault::kKinds; ++kind) {
    if (fault.first[kind] == 0) continue;
    const int64_t index = MergeFault::index(fault.first[kind]);
    const uint32_t value = MergeFault::value(fault.first[kind]);
    switch (kind) {
      case MergeFault::kQuery: fail_on_query(p, index, std::bit_cast<int32_t>(value));
      case MergeFault::kWindowX:
        fail_on_window("column", std::bit_cast<int32_t>(value), p.window_width, p.resized_width);
      case MergeFault::kGapX: fail_on_gap("column", index, p.window_width, p.windows_x);
      case MergeFault::kWindowY:
        fail_on_window("row", std::bit_cast<int32_t>(value), p.window_height, p.resized_height);
      case MergeFault::kGapY: fail_on_gap("row", index, p.window_height, p.windows_y);
      default: fail_on_logit(p, index, std::bit_cast<float>(value));
    }
  }
}

// The checks of sizes and settings, which need none of the arrays.
inline void check_params(const WindowMergeParams& p) {
  SCLIP_CHECK(p.queries >= 1, kInvalidArgument, "window_merge: no queries; give at least one class name");
  SCLIP_CHECK(p.label_dtype == DType::kU8 || p.label_dtype == DType::kU16, kInvalidArgument,
              "window_merge writes labels as U8 or U16, not ", to_string(p.label_dtype));
  const int64_t most = p.label_dtype == DType::kU8 ? 256 : 65536;
  SCLIP_CHECK(p.classes >= 1 && p.classes <= most, kInvalidArgument, "window_merge: ", p.classes,
              " classes do not fit labels of type ", to_string(p.label_dtype), ", which hold ", most);
  SCLIP_CHECK(p.logit_scale > 0 && p.logit_scale <= 1e6f, kInvalidArgument, "window_merge: logit_scale is ",
              p.logit_scale, "; it must be above 0 and at most 1e6");
  SCLIP_CHECK(p.windows_x >= 1 && p.windows_y >= 1 && p.grid_w >= 1 && p.grid_h >= 1 && p.window_width >= 1 &&
                  p.window_height >= 1 && p.resized_width >= 1 && p.resized_height >= 1 && p.photo_width >= 1 &&
                  p.photo_height >= 1,
              kInvalidArgument, "window_merge: a size is below 1: ", p.windows_x, "×", p.windows_y, " windows of ",
              p.window_width, "×", p.window_height, " pixels and ", p.grid_w, "×", p.grid_h, " patches on ",
              p.resized_width, "×", p.resized_height, ", photo ", p.photo_width, "×", p.photo_height);
  SCLIP_CHECK(p.photo_width < (int64_t{1} << 31) / p.photo_height, kInvalidArgument, "window_merge: a photo of ",
              p.photo_width, "×", p.photo_height, " pixels has 2^31 or more");
}

}  // namespace sclip
