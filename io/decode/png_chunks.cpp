#include "io/decode/png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "io/decode/byte_order.h"
#include "io/decode/exif.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr size_t kSignature = 8, kOverhead = 12;     // a chunk: length, type, data, CRC
constexpr size_t kLongestProfile = size_t{1} << 17;  // EXIF has 64 KiB at most, and two digits a byte

std::string_view chunk_text(PictureBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string inflated(std::string_view deflated) {
  std::string out(kLongestProfile, '\0');
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(deflated.data()));
  stream.avail_in = static_cast<uInt>(deflated.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

// What follows the keyword of a tEXt, zTXt or iTXt chunk.
std::string text_value(std::string_view type, std::string_view rest) {
  if (type == "tEXt") return std::string(rest.substr(0, kLongestProfile));
  if (type == "zTXt") return rest.empty() || rest[0] != 0 ? std::string() : inflated(rest.substr(1));
  if (rest.size() < 2) return {};
  const bool compressed = rest[0] == 1;
  rest.remove_prefix(2);
  for (int i = 0; i < 2; ++i) {  // language, translated keyword
    const size_t end = rest.find('\0');
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
  return compressed ? inflated(rest) : std::string(rest.substr(0, kLongestProfile));
}

// "\nexif\n      40\n45786966…\n…": name, length, hexadecimal digits.
std::vector<std::byte> profile_bytes(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::vector<std::byte> out;
  int high = -1;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<std::byte>(high << 4 | digit));
      high = -1;
    }
  }
  return out;
}

// 0 when the chunk is another text.
int profile_orientation(std::string_view type, std::string_view data) {
  const size_t end = data.find('\0');
  if (end == std::string_view::npos) return 0;
  const std::string_view keyword = data.substr(0, end);
  if (keyword != "Raw profile type exif" && keyword != "Raw profile type APP1") return 0;
  return exif_orientation(profile_bytes(text_value(type, data.substr(end + 1))));
}

}  // namespace

PngChunks read_png_chunks(PictureBytes bytes) {
  PngChunks out;
  int from_exif = 0, from_text = 0;
  const auto finished = [&](bool truncated) {
    out.truncated = truncated;
    out.orientation = from_exif != 0 ? from_exif : std::max(from_text, 1);
    return out;
  };
  size_t at = kSignature;
  while (at + kOverhead <= bytes.size()) {
    const size_t length = big32(bytes, at);
    if (length > bytes.size() - at - kOverhead) break;
    const PictureBytes chunk = bytes.subspan(at + 4, 4 + length);  // what the CRC covers
    const std::string_view type = chunk_text(chunk.first(4));
    const PictureBytes data = chunk.subspan(4);
    const bool critical = (byte_at(chunk, 0) & 0x20) == 0;
    if (critical && out.damage.empty()) {
      const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(chunk.data()), chunk.size());
      if (crc != big32(bytes, at + 8 + length)) {
        out.damage = str("is damaged: its chunk at byte ", at, " has a wrong checksum");
      }
    }
    if (type == "eXIf" && from_exif == 0) {
      from_exif = exif_orientation(data);
    } else if ((type == "tEXt" || type == "zTXt" || type == "iTXt") && from_text == 0) {
      from_text = profile_orientation(type, chunk_text(data));
    } else if (type == "IEND") {
      return finished(false);
    }
    at += kOverhead + length;
  }
  return finished(true);
}

}  // namespace sclip
