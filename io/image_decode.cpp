#include "io/image_decode.h"

#include "core/file.h"
#include "io/image_container.h"
#include "io/image_format.h"
#include "io/orient.h"
#include "io/pnm_decode.h"
#include "io/stb_decode.h"
#include "sclip/error.h"

namespace sclip {
namespace {

ImageFormat known_format(std::span<const std::byte> bytes, const std::string& name) {
  SCLIP_CHECK(!bytes.empty(), kCorruptData, "cannot decode ", name, ": the file is empty (0 bytes)");
  const ImageFormat format = detect_image_format(bytes, name);
  SCLIP_CHECK(format.kind != ImageFormat::kForeign, kUnsupported, "cannot decode ", name, ": ", format.name,
              " is not supported; convert it to PNG or JPEG");
  SCLIP_CHECK(format.kind != ImageFormat::kUnknown, kUnsupported, "cannot decode ", name,
              ": it is not a picture in a known format (PNG, JPEG, BMP, GIF, PSD, PNM, TGA)");
  return format;
}

void check_limits(int64_t width, int64_t height, const DecodeLimits& limits, const std::string& name) {
  SCLIP_CHECK(width <= limits.max_side && height <= limits.max_side && width * height <= limits.max_pixels,
              kUnsupported, "cannot decode ", name, ": ", width, " × ", height, " pixels are more than the limit of ",
              limits.max_pixels / 1'000'000, " million pixels and ", limits.max_side, " on a side; scale it down");
}

ContainerInfo inspect(ImageFormat format, std::span<const std::byte> bytes) {
  switch (format.kind) {
    case ImageFormat::kJpeg: return inspect_jpeg(bytes);
    case ImageFormat::kPng: return inspect_png(bytes);
    default: return {};
  }
}

// The size first: the header of a truncated file may already tell that the whole would be refused.
void check_container(ImageFormat format, int64_t width, int64_t height, const std::string& damage,
                     const DecodeLimits& limits, const std::string& name) {
  check_limits(width, height, limits, name);
  SCLIP_CHECK(damage.empty(), kCorruptData, "cannot decode ", name, ": the ", format.name, " file ", damage);
}

[[noreturn]] void fail_damaged(const std::string& name, ImageFormat format, bool truncated, const std::string& reason,
                               size_t size) {
  if (reason == "outofmem") fail(ErrorCode::kOutOfMemory, "cannot decode ", name, ": out of memory");
  if (truncated) {
    fail(ErrorCode::kCorruptData, "cannot decode ", name, ": the ", format.name, " file is truncated: it ends after ",
         size, " bytes");
  }
  fail(ErrorCode::kCorruptData, "cannot decode ", name, ": the ", format.name,
       " file is damaged or of a kind that is not supported (", reason, ")");
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, const std::string& name, ThreadPool& pool,
                   const DecodeLimits& limits) {
  const ImageFormat format = known_format(bytes, name);
  if (format.kind == ImageFormat::kPnm) {
    const PnmHeader header = read_pnm_header(bytes);
    check_container(format, header.width, header.height, header.damage, limits, name);
    if (bytes.size() - header.pixels < header.pixel_bytes()) fail_damaged(name, format, true, "", bytes.size());
    return decode_pnm(bytes, header);
  }
  const ContainerInfo info = inspect(format, bytes);
  check_container(format, info.width, info.height, info.damage, limits, name);
  const StbSize size = stb_read_size(bytes);
  if (size.width <= 0 || size.height <= 0) fail_damaged(name, format, size.truncated, size.reason, bytes.size());
  check_limits(size.width, size.height, limits, name);

  const StbPicture picture = stb_decode(bytes);
  if (!picture.rgb || picture.truncated) {
    fail_damaged(name, format, picture.truncated, picture.reason, bytes.size());
  }
  return oriented_copy({picture.rgb.get(), picture.width, picture.height}, info.orientation, pool);
}

Image load_image(const std::filesystem::path& path, ThreadPool& pool, const DecodeLimits& limits) {
  const MappedFile file(path);
  return decode_image(file.bytes(), path.string(), pool, limits);
}

}  // namespace sclip
