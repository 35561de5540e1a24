// NumPy's .npy files, format 1.0, C order, little endian: whole arrays, and large ones filled in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "core/atomic_file.h"
#include "core/buffer.h"
#include "core/dtype.h"
#include "core/tensor.h"

namespace sclip {

// kF32, kF16, kU8, kU16, kI32, kI64; kBF16 has no name in NumPy and is refused. Atomic.
void write_npy(const std::filesystem::path& path, const TensorView& array);

struct NpyArray {
  DType dtype = DType::kF32;
  Shape shape;
  AlignedBuffer<std::byte> data;

  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(data.data());
  }
  TensorView view() const { return {data.data(), dtype, shape}; }
};

// Throws kNotFound, kIo; kCorruptData or kUnsupported (Fortran order, other types, more than 4 axes) naming the file.
NpyArray read_npy(const std::filesystem::path& path);

// The bytes of such a file.
std::vector<std::byte> encode_npy(const TensorView& array);

// Makes a .npy file of `file`, which is empty, its disk space claimed, and returns where its elements go: zeros to be
// filled in place, valid until the file is finished.
std::byte* map_npy(AtomicFile& file, DType dtype, const Shape& shape);

}  // namespace sclip
