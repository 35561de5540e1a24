#include "engine/text/text_file.h"

#include <algorithm>
#include <cstdint>

#include "core/utf8.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr std::string_view kAdvice = "; write it as UTF-8";

std::string hex(unsigned value, int digits) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out = "0x";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kDigits[value >> shift & 15u];
  return out;
}

// "f.txt, line 2, byte 4": the place of the byte at `pos`; lines end in LF, CRLF or CR.
std::string place(std::string_view text, size_t pos, std::string_view source) {
  size_t line = 1, begin = 0;
  for (size_t i = 0; i < pos; ++i) {
    if (text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n')) {
      ++line;
      begin = i + 1;
    }
  }
  return str(source, ", line ", line, ", byte ", pos - begin + 1);
}

bool is_utf16(std::string_view bytes) {
  return bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF");
}

// `bytes` with their mark. Faults are placed in what was decoded so far, and in bytes of the file.
std::string from_utf16(std::string_view bytes, std::string_view source) {
  const size_t low = bytes[0] == '\xFF' ? 0 : 1;
  const auto unit = [&](size_t at) {
    return static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + low]) | static_cast<uint8_t>(bytes[at + 1 - low])
                                                                             << 8);
  };
  const auto line = [](std::string_view text) { return std::count(text.begin(), text.end(), '\n') + 1; };
  std::string out;
  size_t at = 2;
  while (at + 2 <= bytes.size()) {
    const size_t begin = at;
    char32_t c = unit(at);
    at += 2;
    if (c >= 0xD800 && c < 0xE000) {
      const uint32_t next = c < 0xDC00 && at + 2 <= bytes.size() ? unit(at) : 0;
      SCLIP_CHECK(next >= 0xDC00 && next < 0xE000, kInvalidArgument, source, ", line ", line(out), ": the bytes ",
                  begin + 1, " and ", begin + 2, " of this UTF-16 file are ", hex(c, 4), ", half a character", kAdvice);
      c = 0x10000 + ((c & 0x3FF) << 10 | (next & 0x3FF));
      at += 2;
    }
    SCLIP_CHECK(c != 0, kInvalidArgument, source, ", line ", line(out), ": the bytes ", begin + 1, " and ", begin + 2,
                " of this UTF-16 file are a NUL", kAdvice);
    append_utf8(c, out);
  }
  SCLIP_CHECK(at == bytes.size(), kInvalidArgument, source, ", line ", line(out), ": this UTF-16 file has ",
              bytes.size(), " bytes, and the last is half a character", kAdvice);
  return out;
}

}  // namespace

std::string decode_text_file(std::string_view bytes, std::string_view source) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (is_utf16(bytes)) return from_utf16(bytes, source);
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  check_utf8(bytes, source);
  return std::string(bytes);
}

void check_utf8(std::string_view text, std::string_view source) {
  constexpr char32_t kReplacement = 0xFFFD;
  for (size_t pos = 0; pos < text.size();) {
    const size_t begin = pos;
    const char32_t c = decode_utf8(text, pos);
    SCLIP_CHECK(c != 0, kInvalidArgument, place(text, begin, source),
                " is a NUL: no text has one; UTF-16 without a byte order mark has many", kAdvice);
    // The replacement character itself may be written.
    const bool valid = c != kReplacement || text.substr(begin, pos - begin) == "\xEF\xBF\xBD";
    SCLIP_CHECK(valid, kInvalidArgument, place(text, begin, source), " is ", hex(static_cast<uint8_t>(text[begin]), 2),
                ", which is not UTF-8", kAdvice);
  }
}

}  // namespace sclip
