// A file in memory, as libtiff's callbacks want it.
#pragma once

#include <tiffio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace sclip {

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffPointer = std::unique_ptr<TIFF, CloseTiff>;

// `Bytes`: a span that is read, or a vector that grows as it is written.
template <typename Bytes>
struct TiffMemory {
  Bytes bytes{};
  uint64_t at = 0;

  static TiffMemory& of(thandle_t self) { return *static_cast<TiffMemory*>(self); }
  static tmsize_t read(thandle_t self, void* to, tmsize_t count) {
    TiffMemory& m = of(self);
    if (m.at >= m.bytes.size() || count <= 0) return 0;
    const size_t n = std::min<size_t>(static_cast<size_t>(count), m.bytes.size() - m.at);
    std::memcpy(to, m.bytes.data() + m.at, n);
    m.at += n;
    return static_cast<tmsize_t>(n);
  }
  static tmsize_t write(thandle_t self, void* from, tmsize_t count) {
    if constexpr (requires(Bytes b) { b.resize(0); }) {
      TiffMemory& m = of(self);
      const auto n = static_cast<size_t>(count);
      if (m.at + n > m.bytes.size()) m.bytes.resize(m.at + n);
      if (n > 0) std::memcpy(m.bytes.data() + m.at, from, n);
      m.at += n;
      return count;
    } else {
      return 0;
    }
  }
  static toff_t seek(thandle_t self, toff_t offset, int whence) {
    TiffMemory& m = of(self);
    m.at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? m.at + offset : m.bytes.size() + offset;
    return m.at;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t self) { return of(self).bytes.size(); }
  // What is written moves as it grows: it is not mapped.
  static int map(thandle_t self, void** base, toff_t* size) {
    if constexpr (requires(Bytes b) { b.resize(0); }) {
      return 0;
    } else {
      *base = const_cast<std::byte*>(of(self).bytes.data());
      *size = of(self).bytes.size();
      return 1;
    }
  }
  static void unmap(thandle_t, void*, toff_t) {}
};

}  // namespace sclip
