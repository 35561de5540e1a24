// Where the crops lie on the resized photo: a grid of equal windows that covers it.
#pragma once

#include <cstdint>
#include <vector>

namespace sclip {

struct Window {
  int x0 = 0, y0 = 0;  // left and upper edge
  int width = 0, height = 0;
};

inline constexpr int64_t kMaxWindows = 0x7fffffff;  // of one photo: they are numbered in 32 bits

struct WindowGrid {
  int width = 0, height = 0;                // W, H: the resized photo
  int window_width = 0, window_height = 0;  // of every window
  std::vector<int32_t> xs, ys;              // left and upper edges, ascending

  int count() const { return static_cast<int>(xs.size() * ys.size()); }
  // Row by row: window i lies at (xs[i % xs.size()], ys[i / xs.size()]).
  Window window(int i) const;
  // Patches of a window; what is left over at the right and lower edge belongs to none.
  int grid_w(int patch) const { return window_width / patch; }
  int grid_h(int patch) const { return window_height / patch; }
};

// Windows `stride` apart; the last is shifted back to end at the border, and an axis shorter than `crop` gives
// one shorter window. crop = 0: the whole photo is the one window, and `stride` does not count.
// Throws kInvalidArgument for sizes below 1 and for a stride of 0 or one that would leave gaps (> crop),
// and for more than kMaxWindows windows.
WindowGrid make_window_grid(int height, int width, int crop, int stride);

}  // namespace sclip
