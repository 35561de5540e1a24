#include "kernels/gemm_fused/gemm_hopper.h"

namespace sclip {

std::string_view to_string(HopperTile tile) {
  switch (tile) {
    case HopperTile::k128x128: return "128×128";
    case HopperTile::k128x192: return "128×192";
    case HopperTile::k128x256: return "128×256";
  }
  return "";
}

}  // namespace sclip
