#include "io/pnm_decode.h"

#include <optional>

namespace sclip {
namespace {

// A number below 10^9 and the one byte after it; before it spaces and comments, which run to the end of their line.
std::optional<int> read_number(std::span<const std::byte> bytes, size_t& at) {
  const auto peek = [&] { return at < bytes.size() ? std::to_integer<int>(bytes[at]) : -1; };
  while (peek() == '#' || peek() == ' ' || (peek() >= '\t' && peek() <= '\r')) {
    if (peek() == '#') {
      while (peek() != '\n' && peek() != -1) ++at;
    } else {
      ++at;
    }
  }
  int value = 0, digits = 0;
  for (; peek() >= '0' && peek() <= '9'; ++at, ++digits) {
    if (digits == 9) return std::nullopt;
    value = 10 * value + peek() - '0';
  }
  if (digits == 0 || peek() == -1) return std::nullopt;
  ++at;
  return value;
}

}  // namespace

PnmHeader read_pnm_header(std::span<const std::byte> bytes) {
  PnmHeader header;
  header.channels = std::to_integer<int>(bytes[1]) == '6' ? 3 : 1;
  header.pixels = 2;
  const auto width = read_number(bytes, header.pixels);
  const auto height = width ? read_number(bytes, header.pixels) : std::nullopt;
  const auto maximum = height ? read_number(bytes, header.pixels) : std::nullopt;
  if (!maximum) {
    header.damage = "is damaged: its header is not three numbers";
  } else if (*width == 0 || *height == 0 || *maximum == 0 || *maximum > 65535) {
    header.damage = "is damaged: its size is 0, or its maximum not 1 … 65535";
  } else {
    header.width = *width;
    header.height = *height;
    header.maximum = *maximum;
  }
  return header;
}

Image decode_pnm(std::span<const std::byte> bytes, const PnmHeader& header) {
  Image image(static_cast<int>(header.width), static_cast<int>(header.height));
  const auto* from = reinterpret_cast<const uint8_t*>(bytes.data()) + header.pixels;
  const auto maximum = static_cast<unsigned>(header.maximum);
  const bool wide = maximum > 255;
  const size_t copies = header.channels == 1 ? 3 : 1;
  for (size_t i = 0; i < image.rgb.size(); i += copies) {
    unsigned sample = *from++;
    if (wide) sample = sample << 8 | *from++;
    const auto value = static_cast<uint8_t>(sample >= maximum ? 255 : (sample * 255 + maximum / 2) / maximum);
    for (size_t c = 0; c < copies; ++c) image.rgb[i + c] = value;
  }
  return image;
}

}  // namespace sclip
