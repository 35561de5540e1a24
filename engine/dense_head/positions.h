// Position rules of read-outs whose authors resample the table in another way than CLIP's descendants do. Each is a
// PositionRule: it starts from the weights' own table for every grid, and interpolates whenever the grid is not the
// table's, by sides and not by the count of tokens. Both axes are scaled exactly: src = (dst + 0.5) · table / grid −
// 0.5.
#pragma once

#include <cstdint>
#include <vector>

namespace sclip {

// PIL's bicubic (GEM): a = −0.5, widened by the scale where the grid is smaller than the table; taps outside the table
// are dropped and the others made to sum to 1.
std::vector<float> antialiased_positions(const float* table, int64_t table_tokens, int64_t cols, int64_t grid_h,
                                         int64_t grid_w);

// Bilinear, not widened (CLIP Surgery).
std::vector<float> bilinear_positions(const float* table, int64_t table_tokens, int64_t cols, int64_t grid_h,
                                      int64_t grid_w);

}  // namespace sclip
