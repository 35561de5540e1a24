#include "io/tiff_write.h"

#include "sclip/error.h"

#ifdef SCLIP_WITH_LIBTIFF
#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <memory>
#endif

namespace sclip {

#ifndef SCLIP_WITH_LIBTIFF

std::vector<std::byte> encode_tiff_labels(LabelView, uint16_t, const GeoTags&) {
  fail(ErrorCode::kUnsupported, "this build writes no TIFF: it was made without libtiff; leave that output out");
}

#else

namespace {

constexpr uint32_t kRowsPerStrip = 64;

enum GeoTag : uint32_t {
  kPixelScale = 33550,
  kTiePoints = 33922,
  kTransformation = 34264,
  kKeys = 34735,
  kDoubleParams = 34736,
  kAsciiParams = 34737,
};

// A file in memory, as libtiff wants it.
struct Memory {
  std::vector<std::byte> bytes;
  uint64_t at = 0;

  static tmsize_t read(thandle_t self, void* to, tmsize_t count) {
    auto& m = *static_cast<Memory*>(self);
    const uint64_t left = m.at < m.bytes.size() ? m.bytes.size() - m.at : 0;
    const size_t n = static_cast<size_t>(std::min<uint64_t>(static_cast<uint64_t>(count), left));
    if (n > 0) std::memcpy(to, m.bytes.data() + m.at, n);
    m.at += n;
    return static_cast<tmsize_t>(n);
  }
  static tmsize_t write(thandle_t self, void* from, tmsize_t count) {
    auto& m = *static_cast<Memory*>(self);
    const auto n = static_cast<size_t>(count);
    if (m.at + n > m.bytes.size()) m.bytes.resize(m.at + n);
    if (n > 0) std::memcpy(m.bytes.data() + m.at, from, n);
    m.at += n;
    return count;
  }
  static toff_t seek(thandle_t self, toff_t offset, int whence) {
    auto& m = *static_cast<Memory*>(self);
    m.at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? m.at + offset : m.bytes.size() + offset;
    return m.at;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t self) { return static_cast<Memory*>(self)->bytes.size(); }
  static int map(thandle_t, void**, toff_t*) { return 0; }
  static void unmap(thandle_t, void*, toff_t) {}
};

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};

void name_geo_tags(TIFF* tiff) {
  static char names[6][24] = {"ModelPixelScaleTag", "ModelTiepointTag",   "ModelTransformationTag",
                              "GeoKeyDirectoryTag", "GeoDoubleParamsTag", "GeoAsciiParamsTag"};
  static const TIFFFieldInfo kFields[] = {
      {kPixelScale, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[0]},
      {kTiePoints, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[1]},
      {kTransformation, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[2]},
      {kKeys, -1, -1, TIFF_SHORT, FIELD_CUSTOM, 1, 1, names[3]},
      {kDoubleParams, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[4]},
      {kAsciiParams, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, names[5]},
  };
  TIFFMergeFieldInfo(tiff, kFields, 6);
}

template <typename T>
void set_list(TIFF* tiff, GeoTag tag, const std::vector<T>& values) {
  if (!values.empty()) TIFFSetField(tiff, tag, static_cast<int>(values.size()), values.data());
}

void set_geo_tags(TIFF* tiff, const GeoTags& geo) {
  name_geo_tags(tiff);
  set_list(tiff, kPixelScale, geo.pixel_scale);
  set_list(tiff, kTiePoints, geo.tie_points);
  set_list(tiff, kTransformation, geo.transformation);
  set_list(tiff, kKeys, geo.keys);
  set_list(tiff, kDoubleParams, geo.double_params);
  if (!geo.ascii_params.empty()) TIFFSetField(tiff, kAsciiParams, geo.ascii_params.c_str());
}

}  // namespace

std::vector<std::byte> encode_tiff_labels(LabelView picture, uint16_t largest, const GeoTags& geo) {
  const bool wide = largest > 255;
  const auto width = static_cast<size_t>(picture.width);
  Memory memory;
  {
    const std::unique_ptr<TIFF, Close> tiff(TIFFClientOpen("labels", "wl", &memory, Memory::read, Memory::write,
                                                           Memory::seek, Memory::close, Memory::size, Memory::map,
                                                           Memory::unmap));
    SCLIP_CHECK(tiff != nullptr, kOutOfMemory, "libtiff could not begin a file");
    TIFFSetField(tiff.get(), TIFFTAG_IMAGEWIDTH, static_cast<uint32_t>(picture.width));
    TIFFSetField(tiff.get(), TIFFTAG_IMAGELENGTH, static_cast<uint32_t>(picture.height));
    TIFFSetField(tiff.get(), TIFFTAG_BITSPERSAMPLE, wide ? 16 : 8);
    TIFFSetField(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tiff.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff.get(), TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    TIFFSetField(tiff.get(), TIFFTAG_ROWSPERSTRIP, kRowsPerStrip);
    TIFFSetField(tiff.get(), TIFFTAG_SOFTWARE, "sclip");
    set_geo_tags(tiff.get(), geo);
    std::vector<uint16_t> row(width);  // also for bytes
    for (int y = 0; y < picture.height; ++y) {
      const uint16_t* labels = picture.labels + static_cast<size_t>(y) * width;
      for (size_t x = 0; x < width; ++x) {
        SCLIP_CHECK(labels[x] <= largest, kInvalidArgument, "a label of ", labels[x],
                    " in a TIFF whose largest is to be ", largest);
        if (wide) {
          row[x] = labels[x];
        } else {
          reinterpret_cast<uint8_t*>(row.data())[x] = static_cast<uint8_t>(labels[x]);
        }
      }
      SCLIP_CHECK(TIFFWriteScanline(tiff.get(), row.data(), static_cast<uint32_t>(y), 0) == 1, kIo,
                  "libtiff could not write row ", y, " of ", picture.height);
    }
  }
  return std::move(memory.bytes);
}

#endif

}  // namespace sclip
