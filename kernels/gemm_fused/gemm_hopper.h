// The fused product on Hopper's own instructions: y = epilogue(x · Wᵀ + bias) as gemm_fused.h has it.
#pragma once

#include <string_view>

#include "kernels/gemm_fused/gemm_fused.h"

namespace sclip {

enum class HopperTile : uint8_t { k128x128, k128x192, k128x256 };
constexpr HopperTile kHopperTiles[] = {HopperTile::k128x256, HopperTile::k128x192, HopperTile::k128x128};

std::string_view to_string(HopperTile tile);  // "128×256"

// Whether this device can run the kernel, and it takes these.
bool gemm_hopper_serves(const GemmFusedParams& params, const CudaQueue& queue);
void gemm_hopper_cuda(const GemmFusedParams& params, HopperTile tile, CudaQueue queue);

}  // namespace sclip
