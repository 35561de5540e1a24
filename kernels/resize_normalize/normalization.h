// Mean and deviation that a photo is normalised by: what every kernel that does it asks of them.
#pragma once

#include <array>
#include <cmath>
#include <string_view>

#include "sclip/error.h"

namespace sclip {

inline void check_normalization(const std::array<float, 3>& mean, const std::array<float, 3>& std,
                                std::string_view kernel) {
  for (const float value : mean) {
    SCLIP_CHECK(std::isfinite(value), kInvalidArgument, kernel, ": the mean is ", mean[0], ", ", mean[1], ", ", mean[2],
                ": give three finite numbers");
  }
  for (const float value : std) {
    SCLIP_CHECK(std::isfinite(value) && value > 0, kInvalidArgument, kernel, ": the standard deviation is ", std[0],
                ", ", std[1], ", ", std[2], ": give three finite numbers above 0");
  }
}

}  // namespace sclip
