// Positions of a patch grid other than the one the weights were made for.
#pragma once

#include <cstdint>
#include <vector>

namespace sclip {

// `table` is (1 + g·g, C): class position, then a square grid. Returns (1 + grid_h·grid_w, C).
// The grid is interpolated only when the token count differs from the table's, as the authors do: 7×28 patches keep
// a 14×14 table as it is. Bicubic (a = −0.75), half-pixel centres, no antialiasing, taps clamped, with the literal
// scale (grid + 0.1) / √N of CLIP's descendants: src = (dst + 0.5) · √N / (grid + 0.1) − 0.5.
std::vector<float> position_table(const float* table, int64_t table_tokens, int64_t cols, int64_t grid_h,
                                  int64_t grid_w);

// How a tower's positions are fitted to a grid: a function like the one above.
using PositionRule = std::vector<float> (*)(const float* table, int64_t table_tokens, int64_t cols, int64_t grid_h,
                                            int64_t grid_w);

}  // namespace sclip
