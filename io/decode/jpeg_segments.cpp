#include "io/decode/jpeg_segments.h"

#include <cstring>
#include <string_view>

#include "io/decode/byte_order.h"
#include "io/decode/exif.h"
#include "sclip/error.h"

namespace sclip {
namespace {

bool starts_with(PictureBytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

constexpr std::string_view kExifHeader("Exif\0\0", 6);

std::string truncated_after(size_t bytes) {
  return str("is truncated: it ends after ", bytes, " bytes, without its end mark");
}

// Whether every Huffman table of a DHT segment has at most 255 codes. stb_image overruns its memory with more than 256,
// and takes the 256th for a mark of its own; a picture of 8 bits needs 162.
// Those that fit are noted in `defined`: bit 4 · class + number.
bool huffman_tables_fit(PictureBytes payload, uint32_t& defined) {
  constexpr size_t kLengths = 16;
  while (payload.size() > kLengths) {
    size_t codes = 0;
    for (size_t i = 1; i <= kLengths; ++i) codes += std::to_integer<size_t>(payload[i]);
    if (codes > 255 || 1 + kLengths + codes > payload.size()) return false;
    const uint32_t table = byte_at(payload, 0);
    if (table >> 4 > 1 || (table & 15) > 3) return false;
    defined |= 1u << ((table >> 4) * 4 + (table & 15));
    payload = payload.subspan(1 + kLengths + codes);
  }
  return payload.empty();
}

// Whether the tables that a scan names were defined: stb_image would read memory that nothing has written.
bool scan_has_tables(PictureBytes header, uint32_t defined) {
  if (header.empty()) return false;
  const size_t components = byte_at(header, 0);
  if (components == 0 || header.size() < 1 + 2 * components + 3) return false;
  const bool dc = byte_at(header, 1 + 2 * components) == 0, ac = byte_at(header, 2 + 2 * components) != 0;
  for (size_t i = 0; i < components; ++i) {
    const uint32_t names = byte_at(header, 2 + 2 * i), dc_table = names >> 4, ac_table = names & 15;
    if (dc && (dc_table > 3 || (defined >> dc_table & 1) == 0)) return false;
    if (ac && (ac_table > 3 || (defined >> (4 + ac_table) & 1) == 0)) return false;
  }
  return true;
}

// The next marker in or after coded data, where FF 00 stands for a byte and FF D0 … D7 for a restart.
size_t end_of_scan(PictureBytes bytes, size_t at) {
  while (at + 1 < bytes.size()) {
    const void* found = std::memchr(bytes.data() + at, 0xff, bytes.size() - at - 1);
    if (found == nullptr) break;
    at = static_cast<size_t>(static_cast<const std::byte*>(found) - bytes.data());
    const uint32_t next = byte_at(bytes, at + 1);
    if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) return at;
    at += next == 0xff ? 1 : 2;
  }
  return bytes.size();
}

}  // namespace

JpegSegments read_jpeg_segments(PictureBytes bytes) {
  constexpr uint32_t kHuffman = 0xc4, kEndOfImage = 0xd9, kStartOfScan = 0xda, kApp1 = 0xe1;
  JpegSegments info;
  bool has_exif = false;
  uint32_t defined = 0;  // Huffman tables
  size_t at = 2;
  while (at + 2 <= bytes.size()) {
    const uint32_t marker = byte_at(bytes, at + 1);
    if (byte_at(bytes, at) != 0xff || marker == 0xff || marker == 0) {  // stray bytes, padding
      ++at;
      continue;
    }
    if (marker == kEndOfImage) return info;
    if (at + 4 > bytes.size()) break;
    const size_t length = big16(bytes, at + 2);
    if (length < 2) {
      info.damage = str("is damaged: its segment at byte ", at, " has a length of ", length);
      return info;
    }
    if (at + 2 + length > bytes.size()) break;
    const PictureBytes payload = bytes.subspan(at + 4, length - 2);
    if (marker == kHuffman && !huffman_tables_fit(payload, defined)) {
      info.damage = str("is damaged: its Huffman tables at byte ", at, " are too long");
      return info;
    } else if (marker == kStartOfScan && !scan_has_tables(payload, defined)) {
      info.damage = str("has a scan at byte ", at, " without Huffman tables, which this build cannot do without");
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

}  // namespace sclip
