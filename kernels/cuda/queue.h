// A CUDA stream, named without CUDA's headers so that contracts can declare their launchers.
#pragma once

struct CUstream_st;

namespace sclip {

using CudaQueue = CUstream_st*;

}  // namespace sclip
