// TIFF and BigTIFF by libtiff: the first page, in strips or tiles, of 1 to 16 bits, grey either way round, RGB,
// palette, CMYK, planes together or apart, JPEG inside. Samples of more than 8 bits keep their highest 8; alpha is
// dropped, and where the colours are multiplied by it they are divided by it first, as in Pillow.
//
// Rows of strips are decoded one by one, tiles and separate planes a row of blocks at a time: what is held does not
// grow with the picture's height.
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>

#include "io/decode/decoders.h"
#include "io/tiff_memory.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr tmsize_t kLargestBlock = tmsize_t{1} << 30;

// A file that is read, and libtiff's first complaint about it.
struct Memory : TiffMemory<PictureBytes> {
  char message[200] = {};

  static int complain(TIFF*, void* self, const char*, const char* format, va_list arguments) {
    auto& m = *static_cast<Memory*>(self);
    if (m.message[0] == 0) std::vsnprintf(m.message, sizeof m.message, format, arguments);
    return 1;
  }
  static int ignore(TIFF*, void*, const char*, const char*, va_list) { return 1; }
};

TiffPointer open_memory(Memory& memory) {
  struct Free {
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
  };
  const std::unique_ptr<TIFFOpenOptions, Free> options(TIFFOpenOptionsAlloc());
  if (!options) fail(ErrorCode::kOutOfMemory, "needs more memory than there is");
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kLargestBlock);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), Memory::complain, &memory);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), Memory::ignore, &memory);
  return TiffPointer(TIFFClientOpenExt("picture", "rm", static_cast<TiffMemory<PictureBytes>*>(&memory), Memory::read,
                                       Memory::write, Memory::seek, Memory::close, Memory::size, Memory::map,
                                       Memory::unmap, options.get()));
}

class TiffReader final : public PictureReader {
 public:
  explicit TiffReader(PictureBytes bytes) : memory_{{.bytes = bytes}}, tiff_(open_memory(memory_)) {
    if (!tiff_) {
      fail(ErrorCode::kCorruptData, "is truncated or damaged: its directory cannot be read (", memory_.message, ")");
    }
    header_.width = tag<uint32_t>(TIFFTAG_IMAGEWIDTH, 0);
    header_.height = tag<uint32_t>(TIFFTAG_IMAGELENGTH, 0);
    const auto orientation = tag<uint16_t>(TIFFTAG_ORIENTATION, 1);
    header_.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    refuse_raw();
    read_layout();
    if (header_.orientation == 1) read_geo_tags();
  }

 private:
  // Tags that libtiff does not know come as it finds them: a count, and values of the type that the file says.
  template <typename T>
  std::vector<T> list(uint32_t which, TIFFDataType type) const {
    const TIFFField* field = TIFFFindField(tiff_.get(), which, TIFF_ANY);
    uint32_t count = 0;
    const T* values = nullptr;
    if (field == nullptr || TIFFFieldDataType(field) != type ||
        TIFFGetField(tiff_.get(), which, &count, &values) != 1 || values == nullptr) {
      return {};
    }
    return {values, values + count};
  }
  void read_geo_tags() {
    GeoTags& geo = header_.geo;
    geo.pixel_scale = list<double>(kModelPixelScale, TIFF_DOUBLE);
    geo.tie_points = list<double>(kModelTiepoint, TIFF_DOUBLE);
    geo.transformation = list<double>(kModelTransformation, TIFF_DOUBLE);
    geo.keys = list<uint16_t>(kGeoKeyDirectory, TIFF_SHORT);
    geo.double_params = list<double>(kGeoDoubleParams, TIFF_DOUBLE);
    const auto ascii = list<char>(kGeoAsciiParams, TIFF_ASCII);
    geo.ascii_params.assign(ascii.begin(), std::find(ascii.begin(), ascii.end(), '\0'));
  }

  template <typename T>
  T tag(uint32_t which, T otherwise) const {
    T value{};
    return TIFFGetFieldDefaulted(tiff_.get(), which, &value) == 1 ? value : otherwise;
  }

  // A camera's raw file is a TIFF whose first page is a thumbnail.
  void refuse_raw() const {
    const PictureBytes b = memory_.bytes;
    const bool canon = b.size() > 10 && std::to_integer<char>(b[8]) == 'C' && std::to_integer<char>(b[9]) == 'R';
    void* value = nullptr;
    uint16_t count = 0;
    const bool thumbnail = (tag<uint32_t>(TIFFTAG_SUBFILETYPE, 0) & FILETYPE_REDUCEDIMAGE) != 0 &&
                           TIFFGetField(tiff_.get(), TIFFTAG_SUBIFD, &count, &value) == 1;
    if (canon || thumbnail || TIFFGetField(tiff_.get(), TIFFTAG_DNGVERSION, &value) == 1) {
      fail(ErrorCode::kUnsupported, "is a camera's raw file, which is not supported; develop it to TIFF or JPEG");
    }
  }

  void read_layout() {
    bits_ = tag<uint16_t>(TIFFTAG_BITSPERSAMPLE, 1);
    samples_ = tag<uint16_t>(TIFFTAG_SAMPLESPERPIXEL, 1);
    photometric_ = tag<uint16_t>(TIFFTAG_PHOTOMETRIC, samples_ >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
    separate_ = samples_ > 1 && tag<uint16_t>(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
    const auto compression = tag<uint16_t>(TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    if (TIFFIsCODECConfigured(compression) == 0) {
      fail(ErrorCode::kUnsupported, "is compressed in a way (number ", compression,
           ") that this build's libtiff lacks");
    }
    const auto format = tag<uint16_t>(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID) {
      fail(ErrorCode::kUnsupported, "has ", format == SAMPLEFORMAT_IEEEFP ? "floating-point" : "signed or complex",
           " samples of ", bits_, " bits, and only unsigned integers are supported; scale them to 8 or 16 bits");
    }
    if (bits_ < 1 || bits_ > 16) {
      fail(ErrorCode::kUnsupported, "has samples of ", bits_, " bits, and 1 to 16 are supported");
    }
    if (photometric_ == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG && !separate_) {
      TIFFSetField(tiff_.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);  // libjpeg converts
      photometric_ = PHOTOMETRIC_RGB;
    }
    switch (photometric_) {
      case PHOTOMETRIC_MINISWHITE:
      case PHOTOMETRIC_MINISBLACK: used_ = 1; break;
      case PHOTOMETRIC_PALETTE: read_palette(); break;
      case PHOTOMETRIC_RGB: use_rgb(); break;
      case PHOTOMETRIC_SEPARATED: used_ = 4; break;
      default: use_libtiff_s_own(); break;
    }
    if (used_ > samples_) {
      fail(ErrorCode::kUnsupported, "has ", samples_, " samples a pixel where its colours need ", used_);
    }
  }

  void use_rgb() {
    used_ = 3;
    uint16_t extra = 0;
    const uint16_t* kinds = nullptr;
    TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds);
    if (samples_ >= 4 && extra > 0 && kinds != nullptr && kinds[0] == EXTRASAMPLE_ASSOCALPHA) used_ = 4;
  }

  void read_palette() {
    used_ = 1;
    std::array<uint16_t*, 3> maps{};
    if (bits_ > 8 || TIFFGetField(tiff_.get(), TIFFTAG_COLORMAP, &maps[0], &maps[1], &maps[2]) != 1) {
      fail(ErrorCode::kCorruptData, "is damaged: it has a palette's indices of ", bits_,
           " bits, and no palette for them");
    }
    const size_t colours = size_t{1} << bits_;
    bool wide = false;  // some writers put 8 bits where 16 belong
    for (const uint16_t* map : maps) wide = wide || std::any_of(map, map + colours, [](uint16_t v) { return v > 255; });
    for (size_t c = 0; c < 3; ++c) {
      for (size_t i = 0; i < colours; ++i) palette_[i][c] = static_cast<uint8_t>(wide ? maps[c][i] >> 8 : maps[c][i]);
    }
  }

  // Rare colour spaces: libtiff makes RGBA of the whole picture.
  void use_libtiff_s_own() {
    char text[1024] = {};
    if (TIFFRGBAImageOK(tiff_.get(), text) == 0) {
      fail(ErrorCode::kUnsupported, "has colours of a kind that is not supported (", text, ")");
    }
    own_ = true;
    header_.row_by_row = false;
  }

  void read_rows(uint8_t* rgb, int64_t count) override {
    if (own_) return read_own(rgb, count);
    const bool blocks = separate_ || TIFFIsTiled(tiff_.get()) != 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t y = next_row() + i;
      const uint8_t* samples = blocks ? block_row(y) : scan_line(y);
      convert(samples, rgb + i * row_bytes());
    }
  }

  // Samples of a row of strips, 8 bits each, `used_` a pixel.
  const uint8_t* scan_line(int64_t y) {
    if (band_.empty()) {
      raw_.resize(checked_size(TIFFScanlineSize64(tiff_.get())));
      const auto needed = (static_cast<uint64_t>(header_.width) * samples_ * bits_ + 7) / 8;
      if (raw_.size() < needed) fail(ErrorCode::kUnsupported, "has rows of ", raw_.size(), " bytes, not ", needed);
      band_.resize(static_cast<size_t>(header_.width * used_));
    }
    if (!gave_up_ && TIFFReadScanline(tiff_.get(), raw_.data(), static_cast<uint32_t>(y), 0) != 1) {
      damaged_in_row(y);
      // The decoder's state is lost within a strip: what follows there would be noise.
      gave_up_ = true;
    }
    if (gave_up_) {
      std::fill(band_.begin(), band_.end(), uint8_t{0});
    } else {
      for (unsigned s = 0; s < used_; ++s) unpack(raw_.data(), s, samples_, header_.width, band_.data() + s);
    }
    return band_.data();
  }

  // The same of a row of blocks: tiles, or the strips of separate planes.
  const uint8_t* block_row(int64_t y) {
    const bool tiled = TIFFIsTiled(tiff_.get()) != 0;
    if (band_.empty()) {
      block_width_ = tiled ? tag<uint32_t>(TIFFTAG_TILEWIDTH, 0) : header_.width;
      block_height_ = tiled ? tag<uint32_t>(TIFFTAG_TILELENGTH, 0)
                            : std::min<int64_t>(tag<uint32_t>(TIFFTAG_ROWSPERSTRIP, 0xffffffffU), header_.height);
      raw_.resize(checked_size(tiled ? TIFFTileSize64(tiff_.get()) : TIFFStripSize64(tiff_.get())));
      block_row_bytes_ = tiled ? TIFFTileRowSize(tiff_.get()) : TIFFScanlineSize(tiff_.get());
      if (block_width_ <= 0 || block_height_ <= 0 || block_row_bytes_ <= 0) {
        fail(ErrorCode::kCorruptData, "is damaged: its tiles are ", block_width_, " × ", block_height_, " pixels");
      }
      band_rows_ = std::min(block_height_, header_.height);
      band_.resize(checked_size(static_cast<uint64_t>(header_.width * band_rows_ * used_)));
      const auto row = (static_cast<uint64_t>(block_width_) * (separate_ ? 1 : samples_) * bits_ + 7) / 8;
      if (static_cast<uint64_t>(block_row_bytes_) < row ||
          raw_.size() / static_cast<uint64_t>(block_row_bytes_) < static_cast<uint64_t>(band_rows_)) {
        fail(ErrorCode::kUnsupported, "has blocks of ", raw_.size(), " bytes, too few for their pixels");
      }
    }
    if (y % block_height_ == 0 || y == 0) read_band(y, tiled);
    return band_.data() + (y % block_height_) * header_.width * used_;
  }

  void read_band(int64_t y, bool tiled) {
    for (unsigned plane = 0; plane < (separate_ ? used_ : 1); ++plane) {
      for (int64_t x = 0; x < header_.width; x += block_width_) {
        const auto sample = static_cast<uint16_t>(plane);
        const auto left = static_cast<uint32_t>(x), top = static_cast<uint32_t>(y);
        std::fill(raw_.begin(), raw_.end(), uint8_t{0});
        const auto size = static_cast<tmsize_t>(raw_.size());
        const tmsize_t got =
            tiled ? TIFFReadEncodedTile(tiff_.get(), TIFFComputeTile(tiff_.get(), left, top, 0, sample), raw_.data(),
                                        size)
                  : TIFFReadEncodedStrip(tiff_.get(), TIFFComputeStrip(tiff_.get(), top, sample), raw_.data(), size);
        if (got < 0) damaged_in_row(y);
        const int64_t rows = std::min(block_height_, header_.height - y);
        const int64_t columns = std::min(block_width_, header_.width - x);
        for (int64_t row = 0; row < rows; ++row) {
          const uint8_t* from = raw_.data() + row * block_row_bytes_;
          uint8_t* to = band_.data() + (row * header_.width + x) * used_;
          if (separate_) {
            unpack(from, 0, 1, columns, to + plane);
          } else {
            for (unsigned s = 0; s < used_; ++s) unpack(from, s, samples_, columns, to + s);
          }
        }
      }
    }
  }

  size_t checked_size(uint64_t bytes) const {
    if (bytes == 0 || bytes > static_cast<uint64_t>(kLargestBlock)) {
      fail(ErrorCode::kUnsupported, "has rows or blocks of ", bytes, " bytes; 1 to ", kLargestBlock, " are supported");
    }
    return static_cast<size_t>(bytes);
  }

  // Every `step`th sample from the `first` on, of bits_ bits, to 8 bits; a palette's index stays as it is.
  void unpack(const uint8_t* from, unsigned first, unsigned step, int64_t count, uint8_t* to) const {
    if (bits_ == 8) {
      for (int64_t i = 0; i < count; ++i, to += used_) *to = from[i * step + first];
    } else if (bits_ == 16) {  // in this machine's order
      const size_t high = std::endian::native == std::endian::big ? 0 : 1;
      for (int64_t i = 0; i < count; ++i, to += used_) *to = from[(i * step + first) * 2 + high];
    } else {
      const unsigned most = (1u << bits_) - 1;
      for (int64_t i = 0; i < count; ++i, to += used_) {
        const int64_t bit = (i * step + first) * bits_;
        // A sample lies in at most three bytes; those beyond the row are not needed.
        unsigned value = 0;
        const unsigned shift = static_cast<unsigned>(bit % 8) + bits_;
        for (unsigned byte = 0; byte * 8 < shift; ++byte) value = value << 8 | from[bit / 8 + byte];
        value = value >> ((8 - shift % 8) % 8) & most;
        *to = static_cast<uint8_t>(photometric_ == PHOTOMETRIC_PALETTE ? value
                                   : bits_ < 8                         ? value * 255 / most
                                                                       : value >> (bits_ - 8));
      }
    }
  }

  void convert(const uint8_t* from, uint8_t* to) const {
    const int64_t width = header_.width;
    switch (photometric_) {
      case PHOTOMETRIC_MINISBLACK:
        for (int64_t x = 0; x < width; ++x, to += 3) to[0] = to[1] = to[2] = from[x];
        break;
      case PHOTOMETRIC_MINISWHITE:
        for (int64_t x = 0; x < width; ++x, to += 3) to[0] = to[1] = to[2] = static_cast<uint8_t>(255 - from[x]);
        break;
      case PHOTOMETRIC_PALETTE:
        for (int64_t x = 0; x < width; ++x, to += 3) std::copy_n(palette_[from[x]].begin(), 3, to);
        break;
      case PHOTOMETRIC_SEPARATED:
        for (int64_t x = 0; x < width; ++x, from += 4, to += 3) cmyk_to_rgb(from, to);
        break;
      default:
        if (used_ == 3) {
          std::memcpy(to, from, static_cast<size_t>(3 * width));
        } else {
          for (int64_t x = 0; x < width; ++x, from += 4, to += 3) divide_by_alpha(from, to);
        }
    }
  }

  // As jpeg.cpp does, for inks that are not inverted.
  static void cmyk_to_rgb(const uint8_t* inks, uint8_t* rgb) {
    const int light = 255 - inks[3];
    for (int c = 0; c < 3; ++c) {
      const int t = inks[c] * light + 128;
      rgb[c] = static_cast<uint8_t>(std::clamp(light - (((t >> 8) + t) >> 8), 0, 255));
    }
  }
  static void divide_by_alpha(const uint8_t* rgba, uint8_t* rgb) {
    for (int c = 0; c < 3; ++c) {
      rgb[c] = rgba[3] == 0 || rgba[3] == 255 ? rgba[c] : static_cast<uint8_t>(std::min(255, 255 * rgba[c] / rgba[3]));
    }
  }

  void read_own(uint8_t* rgb, int64_t count) {
    if (rgba_.empty()) {
      rgba_.resize(static_cast<size_t>(header_.width * header_.height));
      if (TIFFReadRGBAImageOriented(tiff_.get(), static_cast<uint32_t>(header_.width),
                                    static_cast<uint32_t>(header_.height), rgba_.data(),
                                    tag<uint16_t>(TIFFTAG_ORIENTATION, 1), salvages() ? 0 : 1) != 1 ||
          memory_.message[0] != 0) {
        damaged_in_row(0);
      }
    }
    const uint32_t* from = rgba_.data() + next_row() * header_.width;
    for (int64_t i = 0; i < count * header_.width; ++i) {
      rgb[3 * i] = static_cast<uint8_t>(TIFFGetR(from[i]));
      rgb[3 * i + 1] = static_cast<uint8_t>(TIFFGetG(from[i]));
      rgb[3 * i + 2] = static_cast<uint8_t>(TIFFGetB(from[i]));
    }
  }

  void damaged_in_row(int64_t y) {
    if (ends_early()) {
      damaged(ends_in_row(memory_.bytes.size(), y, header_.height));
    } else {
      damaged(str("is damaged in row ", y + 1, " of ", header_.height, " (", memory_.message, ")"));
    }
  }
  // Whether a strip or tile should lie beyond the file's end.
  bool ends_early() const {
    const uint32_t blocks =
        TIFFIsTiled(tiff_.get()) != 0 ? TIFFNumberOfTiles(tiff_.get()) : TIFFNumberOfStrips(tiff_.get());
    for (uint32_t i = 0; i < blocks; ++i) {
      const uint64_t offset = TIFFGetStrileOffset(tiff_.get(), i), bytes = TIFFGetStrileByteCount(tiff_.get(), i);
      if (offset > memory_.bytes.size() || bytes > memory_.bytes.size() - offset) return true;
    }
    return false;
  }

  Memory memory_;
  TiffPointer tiff_;
  unsigned bits_ = 0;
  unsigned samples_ = 0;  // of a pixel, as stored
  unsigned used_ = 0;     // that matter: 1, 3 or 4
  uint16_t photometric_ = 0;
  bool separate_ = false;  // planes one after another
  std::array<std::array<uint8_t, 3>, 256> palette_{};
  std::vector<uint8_t> raw_;   // what libtiff decodes at once
  std::vector<uint8_t> band_;  // its samples with 8 bits each
  int64_t block_width_ = 0, block_height_ = 0, band_rows_ = 0, block_row_bytes_ = 0;
  bool gave_up_ = false;
  bool own_ = false;
  std::vector<uint32_t> rgba_;  // of own_
};

}  // namespace

ReaderPointer open_tiff(PictureBytes bytes) {
  return std::make_unique<TiffReader>(bytes);
}

}  // namespace sclip
