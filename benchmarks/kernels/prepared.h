// How a case gets from its sizes to a call.
#pragma once

#include <functional>
#include <memory>

#include "benchmarks/kernels/arrays.h"

namespace sclip {

// `setup(arrays)` fills the parameters; `call(stream, params)` runs the kernel.
template <typename Setup, typename Call>
auto prepared(Setup setup, Call call) {
  return [setup, call](Backend& backend, Stream& stream) -> std::function<void()> {
    auto arrays = std::make_shared<Arrays>(backend, stream);
    const auto params = setup(*arrays);
    return [arrays, params, call, &stream] { call(stream, params); };
  };
}

inline int64_t bytes_of(DType dtype) {
  return static_cast<int64_t>(size_of(dtype));
}
inline const char* name_of(DType dtype) {
  return dtype == DType::kF32 ? "f32" : dtype == DType::kF16 ? "f16" : "bf16";
}

}  // namespace sclip
