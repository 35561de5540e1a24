// What stands behind a result's handle.
#pragma once

#include <cstdint>
#include <vector>

#include "api/handles.h"
#include "sclip/sclip.h"

namespace sclip::api {

struct ResultObject {
  using Handle = sclip_result;
  static constexpr Kind kKind = Kind::kResult;
  int32_t width = 0, height = 0;
  std::vector<uint16_t> labels;
  std::vector<float> scores;
  std::vector<sclip_class_statistics> classes;
};

}  // namespace sclip::api
