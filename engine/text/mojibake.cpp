#include "engine/text/mojibake.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/utf8.h"
#include "engine/text/character_patterns.h"
#include "engine/text/windows_1252.h"

namespace sclip {
namespace {

// A single-byte encoding that text may have been read in by mistake.
struct Charmap {
  bool sloppy;         // undefined bytes pass as Latin-1, and U+FFFD stands for a byte that was lost
  bool restores_a0;    // byte A0 may have become a space; in MacRoman that would take dashes for it
  char16_t high[128];  // what the bytes 0x80…0xFF mean
};
#include "engine/text/tables/mojibake.inc"

constexpr CharacterSets kSets{kRanges, kSetEnds};
constexpr char32_t kReplacement = 0xFFFD;
constexpr uint8_t kLostByte = 0x1A;

using Bytes = std::vector<uint8_t>;

bool is_ascii(std::u32string_view text) {
  return std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; });
}

bool looks_wrong(std::u32string_view text) {
  if (is_ascii(text)) return false;
  for (size_t pos = 0; pos < text.size(); ++pos) {
    if (kSets.match(kBadness, text, pos) > 0) return true;
  }
  return false;
}

// The bytes that would have been read as `text`; nothing if no bytes would.
std::optional<Bytes> encode(std::u32string_view text, const Charmap& charmap) {
  Bytes bytes;
  bytes.reserve(text.size());
  for (const char32_t c : text) {
    if (charmap.sloppy && c == kReplacement) {
      bytes.push_back(kLostByte);
    } else if (c < 0x80) {
      if (charmap.sloppy && c == kLostByte) return std::nullopt;
      bytes.push_back(static_cast<uint8_t>(c));
    } else {
      const auto found = std::find(std::begin(charmap.high), std::end(charmap.high), c);
      if (found == std::end(charmap.high)) return std::nullopt;
      bytes.push_back(static_cast<uint8_t>(0x80 + (found - std::begin(charmap.high))));
    }
  }
  return bytes;
}

// "Ã la" was "à la" before something took the byte A0 for a space, unless it begins a Portuguese word.
Bytes restore_a_grave(const Bytes& bytes) {
  const auto follows = [&](size_t pos, std::string_view tail) {
    return bytes.size() - pos >= tail.size() &&
           std::equal(tail.begin(), tail.end(), bytes.begin() + static_cast<std::ptrdiff_t>(pos));
  };
  Bytes out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    out.push_back(bytes[i]);
    if (bytes[i] != 0xC3 || i + 1 == bytes.size() || bytes[i + 1] != ' ') continue;
    const bool word = follows(i + 2, " ") || follows(i + 2, "quele") || follows(i + 2, "quela") ||
                      follows(i + 2, "quilo") || follows(i + 2, "s ");
    if (!word) out.push_back(0xA0);
  }
  return out;
}

// Spaces inside of what would be UTF-8 with A0 in their place.
Bytes restore_byte_a0(const Bytes& bytes) {
  bool altered = false;
  for (size_t i = 0; i < bytes.size() && !altered; ++i) altered = kSets.match(kAlteredUtf8, bytes, i) > 0;
  if (!altered) return bytes;
  Bytes out = restore_a_grave(bytes);
  for (size_t i = 0; i < out.size();) {
    const size_t length = kSets.match(kAlteredUtf8, out, i);
    std::replace(out.begin() + static_cast<std::ptrdiff_t>(i), out.begin() + static_cast<std::ptrdiff_t>(i + length),
                 uint8_t{' '}, uint8_t{0xA0});
    i += std::max<size_t>(length, 1);
  }
  return out;
}

// Sequences with a lost byte in them become the UTF-8 of U+FFFD.
Bytes replace_lossy_sequences(const Bytes& bytes) {
  Bytes out;
  for (size_t i = 0; i < bytes.size();) {
    const size_t length = kSets.match(kLossyUtf8, bytes, i);
    if (length > 0) {
      out.insert(out.end(), {0xEF, 0xBF, 0xBD});
      i += length;
    } else {
      out.push_back(bytes[i++]);
    }
  }
  return out;
}

// Strict UTF-8; also C0 80 for U+0000 and surrogate pairs of three bytes each (CESU-8), which some programs write.
std::optional<std::u32string> decode_strictly(const Bytes& bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto in = [&](size_t i, unsigned low, unsigned high) {
    return i < bytes.size() && bytes[i] >= low && bytes[i] <= high;
  };
  std::u32string out;
  for (size_t i = 0; i < bytes.size();) {
    if (bytes[i] == 0xC0 && in(i + 1, 0x80, 0x80)) {
      out += U'\0';
      i += 2;
    } else if (bytes[i] == 0xED && in(i + 1, 0xA0, 0xAF) && in(i + 2, 0x80, 0xBF) && in(i + 3, 0xED, 0xED) &&
               in(i + 4, 0xB0, 0xBF) && in(i + 5, 0x80, 0xBF)) {
      out += 0x10000u + ((bytes[i + 1] & 0x0Fu) << 16) + ((bytes[i + 2] & 0x3Fu) << 10) +
             ((bytes[i + 4] & 0x0Fu) << 6) + (bytes[i + 5] & 0x3Fu);
      i += 6;
    } else {
      const size_t begin = i;
      const char32_t c = decode_utf8(text, i);
      if (c == kReplacement && text.substr(begin, i - begin) != "\xEF\xBF\xBD") return std::nullopt;
      out += c;
    }
  }
  return out;
}

// The first encoding that the text may have been read in although its bytes are UTF-8.
std::optional<std::u32string> read_as_utf8(std::u32string_view text) {
  for (const Charmap& charmap : kCharmaps) {
    std::optional<Bytes> bytes = encode(text, charmap);
    if (!bytes) continue;
    if (charmap.restores_a0) bytes = restore_byte_a0(*bytes);
    if (charmap.sloppy) bytes = replace_lossy_sequences(*bytes);
    if (auto decoded = decode_strictly(*bytes)) return decoded;
  }
  return std::nullopt;
}

// Parts of the text that look like UTF-8 on their own are repaired on their own.
std::u32string repair_parts(std::u32string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    if (i == 0 || !kSets.has(kNotBeforeDetector, text[i - 1])) {
      while (const size_t length = kSets.match(kUtf8Detector, text, end)) end += length;
    }
    if (end == i) {
      out += text[i++];
      continue;
    }
    const std::u32string_view part = text.substr(i, end - i);
    // A part that is the whole text would come back here.
    out += part.size() < text.size() && looks_wrong(part) ? repair_mojibake(part) : std::u32string(part);
    i = end;
  }
  return out;
}

std::u32string repair_once(std::u32string_view text) {
  if (!looks_wrong(text)) return std::u32string(text);
  if (auto decoded = read_as_utf8(text)) return *decoded;
  std::u32string repaired = repair_parts(text);
  if (repaired == text) std::transform(text.begin(), text.end(), repaired.begin(), windows_1252);
  return repaired;
}

}  // namespace

std::u32string repair_mojibake(std::u32string_view text) {
  std::u32string repaired(text);
  for (;;) {
    std::u32string next = repair_once(repaired);
    if (next == repaired) return repaired;
    repaired = std::move(next);
  }
}

}  // namespace sclip
