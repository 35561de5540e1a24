// How a case gets from its sizes to a call.
#pragma once

#include <functional>
#include <memory>

#include "benchmarks/cuda/arrays.h"

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

}  // namespace sclip
