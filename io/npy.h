// NumPy's .npy files, format 1.0, C order, little endian: whole arrays, and large ones written in blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "core/buffer.h"
#include "core/dtype.h"
#include "core/tensor.h"
#include "io/atomic_file.h"

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

// An array of which blocks arrive in any order; it appears at `commit`, whole. Blocks never written are zero.
class NpyWriter {
 public:
  NpyWriter(const std::filesystem::path& path, DType dtype, const Shape& shape);

  // `count` elements from the flat index `first` on.
  void write(int64_t first, const void* elements, int64_t count);
  // Rows y … y + rows of every plane of a (planes, height, width) array; `block` is (planes, rows, width).
  void write_rows(int64_t y, int64_t rows, const void* block);
  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
  DType dtype_;
  Shape shape_;
  uint64_t header_ = 0;  // bytes before the first element
};

}  // namespace sclip
