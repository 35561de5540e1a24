#include "io/image_container.h"

#include <libexif/exif-data.h>
#include <zlib.h>

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "sclip/error.h"

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

std::string truncated_after(size_t bytes) {
  return str("is truncated: it ends after ", bytes, " bytes, without its end mark");
}

// Start of frame: the markers C0 … CF but for DHT, JPG and DAC.
bool is_frame(uint32_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// Whether every Huffman table of a DHT segment has at most 256 codes; stb_image overruns its memory with more.
bool huffman_tables_fit(Bytes payload) {
  constexpr size_t kLengths = 16;
  while (payload.size() > kLengths) {
    size_t codes = 0;
    for (size_t i = 1; i <= kLengths; ++i) codes += std::to_integer<size_t>(payload[i]);
    if (codes > 256 || 1 + kLengths + codes > payload.size()) return false;
    payload = payload.subspan(1 + kLengths + codes);
  }
  return payload.empty();
}

// The next marker in or after coded data, where FF 00 stands for a byte and FF D0 … D7 for a restart.
size_t end_of_scan(Bytes bytes, size_t at) {
  while (at + 1 < bytes.size()) {
    const void* found = std::memchr(bytes.data() + at, 0xff, bytes.size() - at - 1);
    if (found == nullptr) break;
    at = static_cast<size_t>(static_cast<const std::byte*>(found) - bytes.data());
    const uint32_t next = big_endian(bytes, at + 1, 1);
    if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) return at;
    at += next == 0xff ? 1 : 2;
  }
  return bytes.size();
}

}  // namespace

ContainerInfo inspect_jpeg(Bytes bytes) {
  constexpr uint32_t kHuffman = 0xc4, kEndOfImage = 0xd9, kStartOfScan = 0xda, kApp1 = 0xe1;
  ContainerInfo info;
  bool has_exif = false;
  size_t at = 2;
  while (at + 2 <= bytes.size()) {
    const uint32_t marker = big_endian(bytes, at + 1, 1);
    if (big_endian(bytes, at, 1) != 0xff) {
      info.damage = str("is damaged: byte ", at, " is not the marker that it must be");
      return info;
    }
    if (marker == 0xff) {  // padding
      ++at;
      continue;
    }
    if (marker == kEndOfImage) return info;
    if (at + 4 > bytes.size()) break;
    const size_t length = big_endian(bytes, at + 2, 2);
    if (length < 2) {
      info.damage = str("is damaged: its segment at byte ", at, " has a length of ", length);
      return info;
    }
    if (at + 2 + length > bytes.size()) break;
    const Bytes payload = bytes.subspan(at + 4, length - 2);
    if (is_frame(marker) && payload.size() >= 5) {
      info.height = big_endian(payload, 1, 2);
      info.width = big_endian(payload, 3, 2);
    } else if (marker == kHuffman && !huffman_tables_fit(payload)) {
      info.damage = str("is damaged: its Huffman tables at byte ", at, " are too long");
      return info;
    } else if (marker == kApp1 && !has_exif && starts_with(payload, kExifHeader)) {
      info.orientation = exif_orientation(payload);
      has_exif = true;
    }
    at += 2 + length;
    if (marker == kStartOfScan) at = end_of_scan(bytes, at);
  }
  info.damage = truncated_after(bytes.size());
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
        info.damage = str("is damaged: its chunk at byte ", at, " has a wrong checksum");
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
  info.damage = truncated_after(bytes.size());
  return info;
}

}  // namespace sclip
