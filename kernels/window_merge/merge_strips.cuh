// One axis of the merge, on the device: what merge_axis.h and merge_tiles.h are to the CPU.
//
// An axis of the photo is cut into strips of neighbouring pixels. The patches that reach a strip are few; those whose
// weights are equal at all its pixels (overlapping windows with their patches in register) form a group, whose logits
// can be added up before they are weighted. A strip is its groups and their weights, a vector of pixels each.
//
// Every pixel's taps are kept as well, for strips with more groups than a table holds: photos that are much smaller
// than their windows, or windows a few pixels apart.
//
// A patch is named by its cell, the number of its row in `logits`: cell = cell of its row + cell of its column.
#pragma once

#include <cstdint>

#include "kernels/cuda/warp.cuh"
#include "kernels/interpolate/bilinear.h"
#include "kernels/window_merge/note_fault.cuh"

namespace sclip {

constexpr int kMaxGroups = 16;
constexpr int kMaxMembers = 48;
constexpr int kStripLanes = 32;

struct MergeStrip {
  int groups;                 // 0: too many; use the taps
  int begin[kMaxGroups + 1];  // members of each group
  int member[kMaxMembers];    // cells
  alignas(16) float weight[kMaxGroups][kStripLanes];
};

struct MergeAxisTables {
  // The axis.
  const int* starts;  // (windows)
  int windows, window_length, grid, resized, photo;
  int window_step, patch_step;  // cells from one window or patch to the next
  int strip_pixels;             // at most kStripLanes
  int strip_count;
  MergeFault::Kind bad_window, gap;
  // The tables.
  MergeStrip* strips;  // (strip_count)
  int* taps;           // (photo) how many each pixel has: at most 4 · windows
  int* cell;           // (4 · windows, photo)
  float* weight;       // (4 · windows, photo)
};

namespace cuda {

// Writes the taps of pixel i, ascending in their cells, and returns how many there are. Weights add up in f64 and in
// the order of the CPU's, so that they are equal to the last bit.
__device__ inline int write_taps(const MergeAxisTables& axis, int i, MergeFault* fault) {
  const BilinearTap<int> pixel = bilinear_tap(axis.resized, axis.photo, i);
  const auto covers = [&](int start, int at) { return start <= at && at < start + axis.window_length; };
  int covering0 = 0, covering1 = 0;
  for (int w = 0; w < axis.windows; ++w) {
    const int start = axis.starts[w];
    covering0 += covers(start, pixel.index0) ? 1 : 0;
    covering1 += covers(start, pixel.index1) ? 1 : 0;
  }
  if (pixel.weight0 != 0 && covering0 == 0) note_fault(fault, axis.gap, pixel.index0, 0);
  if (pixel.weight1 != 0 && covering1 == 0) note_fault(fault, axis.gap, pixel.index1, 0);
  const double each0 = __ddiv_rn(static_cast<double>(pixel.weight0), static_cast<double>(max(covering0, 1)));
  const double each1 = __ddiv_rn(static_cast<double>(pixel.weight1), static_cast<double>(max(covering1, 1)));

  int count = 0;
  const auto write = [&](int window, int patch, double sum) {
    if (sum == 0) return;
    axis.cell[static_cast<int64_t>(count) * axis.photo + i] = window * axis.window_step + patch * axis.patch_step;
    axis.weight[static_cast<int64_t>(count) * axis.photo + i] = static_cast<float>(sum);
    ++count;
  };
  // A window gives each resized pixel two patches, a ≤ b for the first and c ≤ d for the second, with a ≤ c; most are
  // equal.
  for (int w = 0; w < axis.windows; ++w) {
    const int start = axis.starts[w];
    int a = -1, b = -1, c = -2, d = -2;
    double in_a = 0, in_b = 0, in_c = 0, in_d = 0;
    if (covers(start, pixel.index0)) {
      const BilinearTap<int> tap = bilinear_tap(axis.grid, axis.window_length, pixel.index0 - start);
      a = tap.index0;
      b = tap.index1;
      in_a = __dmul_rn(each0, static_cast<double>(tap.weight0));
      in_b = __dmul_rn(each0, static_cast<double>(tap.weight1));
    }
    if (covers(start, pixel.index1)) {
      const BilinearTap<int> tap = bilinear_tap(axis.grid, axis.window_length, pixel.index1 - start);
      c = tap.index0;
      d = tap.index1;
      in_c = __dmul_rn(each1, static_cast<double>(tap.weight0));
      in_d = __dmul_rn(each1, static_cast<double>(tap.weight1));
    }
    const auto sum_of = [&](int patch) {
      double sum = a == patch ? in_a : 0;
      if (b == patch) sum = __dadd_rn(sum, in_b);
      if (c == patch) sum = __dadd_rn(sum, in_c);
      if (d == patch) sum = __dadd_rn(sum, in_d);
      return sum;
    };
    if (a >= 0) write(w, a, sum_of(a));
    if (b >= 0 && b != a) write(w, b, sum_of(b));
    if (c >= 0 && c != a && c != b) write(w, c, sum_of(c));
    if (d >= 0 && d != a && d != b && d != c) write(w, d, sum_of(d));
  }
  return count;
}

// A warp's work: the taps of a strip's pixels, one a lane, and the strip. The shared arrays are the warp's own.
__device__ inline void build_strip(const MergeAxisTables& axis, int number, MergeFault* fault,
                                   int (&cells)[kMaxMembers], int (&group_of)[kMaxMembers]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (number == 0) {
    for (int w = lane; w < axis.windows; w += 32) {
      const int start = axis.starts[w];
      if (start < 0 || start > axis.resized - axis.window_length) {
        note_fault(fault, axis.bad_window, w, static_cast<uint32_t>(start));
      }
    }
  }
  const int i = number * axis.strip_pixels + lane;
  const bool exists = lane < axis.strip_pixels && i < axis.photo;
  const int count = exists ? write_taps(axis, i, fault) : 0;
  if (exists) axis.taps[i] = count;

  // Merges the lanes' ascending lists: the smallest cell that is left, and each lane's weight of it.
  MergeStrip& strip = axis.strips[number];
  int groups = 0, members = 0, at = 0;
  const auto next_cell = [&] { return at < count ? axis.cell[static_cast<int64_t>(at) * axis.photo + i] : 0x7fffffff; };
  int next = next_cell();
  bool fits = true;
  for (;;) {
    const int cell = __reduce_min_sync(kFullWarp, next);
    if (cell == 0x7fffffff) break;
    float weight = 0;
    if (next == cell) {
      weight = axis.weight[static_cast<int64_t>(at) * axis.photo + i];
      ++at;
      next = next_cell();
    }
    int group = 0;
    while (group < groups && !__all_sync(kFullWarp, strip.weight[group][lane] == weight)) ++group;
    fits = members < kMaxMembers && group < kMaxGroups;
    if (!fits) break;
    if (group == groups) strip.weight[groups++][lane] = weight;
    if (lane == 0) {
      cells[members] = cell;
      group_of[members] = group;
    }
    ++members;
  }
  __syncwarp();
  if (!fits) {
    if (lane == 0) strip.groups = 0;
    return;
  }
  // Sorts the members by group; a group's stay ascending.
  for (int m = lane; m < members; m += 32) {
    int rank = 0;
    for (int j = 0; j < members; ++j) {
      rank += group_of[j] < group_of[m] || (group_of[j] == group_of[m] && j < m) ? 1 : 0;
    }
    strip.member[rank] = cells[m];
  }
  if (lane <= groups) {
    int begin = 0;
    for (int j = 0; j < members; ++j) begin += group_of[j] < lane ? 1 : 0;
    strip.begin[lane] = begin;
  }
  if (lane == 0) strip.groups = groups;
}

}  // namespace cuda
}  // namespace sclip
