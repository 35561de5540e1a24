#include "io/tiff_write.h"

#include "sclip/error.h"

#ifdef SCLIP_WITH_LIBTIFF
#include "io/tiff_memory.h"
#endif

namespace sclip {

#ifndef SCLIP_WITH_LIBTIFF

std::vector<std::byte> encode_tiff_labels(LabelView, uint16_t, const GeoTags&) {
  fail(ErrorCode::kUnsupported, "this build writes no TIFF: it was made without libtiff; leave that output out");
}

#else

namespace {

constexpr uint32_t kRowsPerStrip = 64;

void name_geo_tags(TIFF* tiff) {
  static char names[6][24] = {"ModelPixelScaleTag", "ModelTiepointTag",   "ModelTransformationTag",
                              "GeoKeyDirectoryTag", "GeoDoubleParamsTag", "GeoAsciiParamsTag"};
  static const TIFFFieldInfo kFields[] = {
      {kModelPixelScale, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[0]},
      {kModelTiepoint, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[1]},
      {kModelTransformation, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[2]},
      {kGeoKeyDirectory, -1, -1, TIFF_SHORT, FIELD_CUSTOM, 1, 1, names[3]},
      {kGeoDoubleParams, -1, -1, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, names[4]},
      {kGeoAsciiParams, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, names[5]},
  };
  TIFFMergeFieldInfo(tiff, kFields, 6);
}

template <typename T>
void set_list(TIFF* tiff, GeoTag tag, const std::vector<T>& values) {
  if (!values.empty()) TIFFSetField(tiff, tag, static_cast<int>(values.size()), values.data());
}

void set_geo_tags(TIFF* tiff, const GeoTags& geo) {
  name_geo_tags(tiff);
  set_list(tiff, kModelPixelScale, geo.pixel_scale);
  set_list(tiff, kModelTiepoint, geo.tie_points);
  set_list(tiff, kModelTransformation, geo.transformation);
  set_list(tiff, kGeoKeyDirectory, geo.keys);
  set_list(tiff, kGeoDoubleParams, geo.double_params);
  if (!geo.ascii_params.empty()) TIFFSetField(tiff, kGeoAsciiParams, geo.ascii_params.c_str());
}

}  // namespace

std::vector<std::byte> encode_tiff_labels(LabelView picture, uint16_t largest, const GeoTags& geo) {
  const bool wide = largest > 255;
  const auto width = static_cast<size_t>(picture.width);
  using Memory = TiffMemory<std::vector<std::byte> >;
  Memory memory;
  {
    const TiffPointer tiff(TIFFClientOpen("labels", "wl", &memory, Memory::read, Memory::write, Memory::seek,
                                          Memory::close, Memory::size, Memory::map, Memory::unmap));
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
