#include "io/image_container.h"

#include <libexif/exif-data.h>
#include <zlib.h>

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace sclip {
namespace {

using Bytes = std::span<const std::byte>;

uint32_t big_endian(Bytes bytes, size_t offset, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | std::to_integer<uint32_t>(bytes[offset + i]);
  return value;
}

bool starts_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

constexpr std::string_view kExifHeader("Exif\0\0", 6);

// 1 when the block says nothing sensible: a damaged EXIF block must not cost the picture.
int exif_orientation(Bytes block) {
  struct Unref {
    void operator()(ExifData* data) const { exif_data_unref(data); }
  };
  const std::unique_ptr<ExifData, Unref> data(exif_data_new());
  if (!data) return 1;
  exif_data_unset_option(data.get(), EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
  exif_data_load_data(data.get(), reinterpret_cast<const unsigned char*>(block.data()),
                      static_cast<unsigned>(block.size()));
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->components < 1) return 1;
  const int value = exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
  return value >= 1 && value <= 8 ? value : 1;
}

// Start of frame: the markers C0 … CF but for DHT, JPG and DAC.
bool is_frame(uint32_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

}  // namespace

ContainerInfo inspect_jpeg(Bytes bytes) {
  constexpr uint32_t kStartOfScan = 0xda, kApp1 = 0xe1;
  ContainerInfo info;
  bool has_exif = false;
  size_t at = 2;
  while (at + 4 <= bytes.size() && big_endian(bytes, at, 1) == 0xff) {
    const uint32_t marker = big_endian(bytes, at + 1, 1);
    if (marker == 0xff) {  // padding
      ++at;
      continue;
    }
    const size_t length = big_endian(bytes, at + 2, 2);
    if (marker == kStartOfScan || length < 2 || at + 2 + length > bytes.size()) break;
    const Bytes payload = bytes.subspan(at + 4, length - 2);
    if (is_frame(marker) && payload.size() >= 5) {
      info.height = big_endian(payload, 1, 2);
      info.width = big_endian(payload, 3, 2);
    } else if (marker == kApp1 && !has_exif && starts_with(payload, kExifHeader)) {
      info.orientation = exif_orientation(payload);
      has_exif = true;
    }
    at += 2 + length;
  }
  return info;
}

ContainerInfo inspect_png(Bytes bytes) {
  constexpr size_t kSignature = 8, kOverhead = 12;  // a chunk: length, type, data, CRC
  ContainerInfo info;
  size_t at = kSignature;
  while (at + kOverhead <= bytes.size()) {
    const size_t length = big_endian(bytes, at, 4);
    if (length > bytes.size() - at - kOverhead) break;
    const Bytes chunk = bytes.subspan(at + 4, 4 + length);  // what the CRC covers
    const Bytes data = chunk.subspan(4);
    const bool critical = (std::to_integer<int>(chunk[0]) & 0x20) == 0;
    if (critical) {
      const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(chunk.data()), chunk.size());
      if (crc != big_endian(bytes, at + 8 + length, 4)) {
        info.damage = str("its chunk at byte ", at, " has a wrong checksum");
        return info;
      }
    }
    if (starts_with(chunk, "IHDR") && length >= 8) {
      info.width = big_endian(data, 0, 4);
      info.height = big_endian(data, 4, 4);
    } else if (starts_with(chunk, "eXIf") && length <= 65535) {
      std::vector<std::byte> block(kExifHeader.size() + length);
      std::memcpy(block.data(), kExifHeader.data(), kExifHeader.size());
      std::memcpy(block.data() + kExifHeader.size(), data.data(), length);
      info.orientation = exif_orientation(block);
    } else if (starts_with(chunk, "IEND")) {
      return info;
    }
    at += kOverhead + length;
  }
  info.damage = str("it is truncated: it ends after ", bytes.size(), " bytes, without its end mark");
  return info;
}

}  // namespace sclip
