// One axis of the merge as a sparse matrix.
//
// Upsampling a window, adding the windows up, dividing by their number and resizing to the photo are all linear,
// and, since the windows form a grid, all separable. So along each axis a photo pixel is one short weighted sum of
// patches: its two resized pixels × the windows that cover each × two patches, most of them the same.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/interpolate/bilinear.h"
#include "kernels/window_merge/merge_fault.h"

namespace sclip {

struct MergeAxis {
  // Taps of photo pixel i: begin[i] … begin[i + 1]. A source is window · grid + patch; ascending, none twice.
  std::vector<int32_t> begin;
  std::vector<int32_t> source;
  std::vector<float> weight;

  // `name` stands in the error for windows that leave a gap.
  void build(const char* name, const int32_t* starts, int64_t windows, int64_t window_length, int64_t grid,
             int64_t resized, int64_t photo) {
    begin.assign(1, 0);
    source.clear();
    weight.clear();
    for (int64_t window = 0; window < windows; ++window) {
      if (starts[window] < 0 || starts[window] > resized - window_length) {
        fail_on_window(name, starts[window], window_length, resized);
      }
    }
    auto& taps = taps_;
    const auto add = [&](int32_t at, double w) {
      if (w == 0) return;
      for (auto& tap : taps) {
        if (tap.first == at) {
          tap.second += w;
          return;
        }
      }
      taps.emplace_back(at, w);
    };
    for (int64_t i = 0; i < photo; ++i) {
      taps.clear();
      const BilinearTap<int64_t> pixel = bilinear_tap<int64_t>(resized, photo, i);
      for (const auto& [at, share] : {std::pair{pixel.index0, pixel.weight0}, {pixel.index1, pixel.weight1}}) {
        if (share == 0) continue;
        const auto covers = [&, x = at](int32_t start) { return start <= x && x < start + window_length; };
        const auto count = std::count_if(starts, starts + windows, covers);
        if (count == 0) fail_on_gap(name, at, window_length, windows);
        for (int64_t window = 0; window < windows; ++window) {
          if (!covers(starts[window])) continue;
          const BilinearTap<int64_t> cell = bilinear_tap<int64_t>(grid, window_length, at - starts[window]);
          const double each = static_cast<double>(share) / static_cast<double>(count);
          add(static_cast<int32_t>(window * grid + cell.index0), each * cell.weight0);
          add(static_cast<int32_t>(window * grid + cell.index1), each * cell.weight1);
        }
      }
      std::sort(taps.begin(), taps.end());
      for (const auto& [at, w] : taps) {
        source.push_back(at);
        weight.push_back(static_cast<float>(w));
      }
      begin.push_back(static_cast<int32_t>(source.size()));
    }
  }

 private:
  std::vector<std::pair<int32_t, double>> taps_;  // of one pixel
};

}  // namespace sclip
