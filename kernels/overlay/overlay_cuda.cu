// Colours over a photo and lines along the borders of labels: the contract's integers.
//
// Maths      A blend is (under · (255 − opacity) + over · opacity + 127) / 255: to nearest, and 255 is odd, so no ties.
// Tiling     A block is 128 × 8 pixels; a warp has a row, and its lanes 32 pixels side by side, four times. The nine
//            labels of a pixel come straight from global memory: neighbours share them in L1 and L2, so that each is
//            read from DRAM once. A warp's three byte stores cover 96 bytes: sectors are whole in L2 before they leave.
// Shared     none: the reach of a line, 2 · `line` pixels, has no bound.
// Occupancy  256 threads, at most 40 registers: 6 blocks, 75 % of an SM.
// Limit      DRAM: photo and label read, picture written, 7 or 8 bytes a pixel.
#include "kernels/cuda/launch.h"
#include "kernels/overlay/overlay.h"

namespace sclip {
namespace {

using namespace cuda;

constexpr int kThreads = 256;
constexpr int kRows = 8;
constexpr int kColumns = 128;

struct Overlay {
  const uint8_t* photo;
  const void* labels;
  const uint8_t* colors;
  uint8_t* dst;
  int64_t dst_stride;
  int height, width, classes;
  int line;  // clipped to the picture's longer side, beyond which it cannot reach
  int tiles_x;
};

__device__ __forceinline__ int blend(int under, int over, int opacity) {
  return (under * (255 - opacity) + over * opacity + 127) / 255;
}

// Whether a pixel `distance` to the left, right, above or below has another label.
template <typename Label>
__device__ __forceinline__ bool differs(const Overlay& p, const Label* at, int x, int y, int distance) {
  const Label label = *at;
  const int64_t vertical = static_cast<int64_t>(distance) * p.width;
  return (x >= distance && at[-distance] != label) || (x < p.width - distance && at[distance] != label) ||
         (y >= distance && at[-vertical] != label) || (y < p.height - distance && at[vertical] != label);
}

template <typename Label>
__global__ void __launch_bounds__(kThreads) overlay_kernel(const __grid_constant__ Overlay p) {
  const int tile_x = static_cast<int>(blockIdx.x) % p.tiles_x, tile_y = static_cast<int>(blockIdx.x) / p.tiles_x;
  const int y = tile_y * kRows + static_cast<int>(threadIdx.x) / 32;
  if (y >= p.height) return;
  for (int i = 0; i < kColumns / 32; ++i) {
    const int x = tile_x * kColumns + i * 32 + static_cast<int>(threadIdx.x) % 32;
    if (x >= p.width) return;
    const int64_t pixel = static_cast<int64_t>(y) * p.width + x;
    const Label* at = static_cast<const Label*>(p.labels) + pixel;
    int r = p.photo[3 * pixel], g = p.photo[3 * pixel + 1], b = p.photo[3 * pixel + 2];
    const int label = *at;
    if (label < p.classes) {
      const uint8_t* color = p.colors + 4 * label;
      const int opacity = color[3];
      r = blend(r, color[0], opacity);
      g = blend(g, color[1], opacity);
      b = blend(b, color[2], opacity);
    }
    if (p.line > 0) {
      int over = 255, opacity = kCoreOpacity;
      if (!differs(p, at, x, y, p.line)) {
        over = 0;
        opacity = differs(p, at, x, y, 2 * p.line) ? kHaloOpacity : 0;
      }
      r = blend(r, over, opacity);
      g = blend(g, over, opacity);
      b = blend(b, over, opacity);
    }
    uint8_t* to = p.dst + y * p.dst_stride + 3 * x;
    to[0] = static_cast<uint8_t>(r);
    to[1] = static_cast<uint8_t>(g);
    to[2] = static_cast<uint8_t>(b);
  }
}

}  // namespace

void overlay_cuda(const OverlayParams& p, CudaQueue queue) {
  check_params(p);
  SCLIP_CHECK(p.height < (int64_t{1} << 30) && p.width < (int64_t{1} << 30), kUnsupported, "overlay: a picture of ",
              p.width, " × ", p.height, " pixels has a side of 2^30 or more");
  const int64_t tiles_x = ceil_div(p.width, kColumns);
  const Overlay overlay{.photo = p.photo,
                        .labels = p.labels,
                        .colors = p.colors,
                        .dst = p.dst,
                        .dst_stride = p.dst_stride,
                        .height = static_cast<int>(p.height),
                        .width = static_cast<int>(p.width),
                        .classes = static_cast<int>(std::min<int64_t>(p.classes, 65536)),
                        .line = static_cast<int>(std::min(p.line, std::max(p.height, p.width))),
                        .tiles_x = static_cast<int>(tiles_x)};
  const unsigned blocks = grid_size(tiles_x * ceil_div(p.height, kRows));
  if (p.labels_dtype == DType::kU8) {
    overlay_kernel<uint8_t><<<blocks, kThreads, 0, queue.stream>>>(overlay);
  } else {
    overlay_kernel<uint16_t><<<blocks, kThreads, 0, queue.stream>>>(overlay);
  }
  check_launch("overlay", p.width, "×", p.height, " pixels, ", p.classes, " classes, a line of ", p.line);
}

}  // namespace sclip
