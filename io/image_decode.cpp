#include "io/image_decode.h"

#include <utility>

#include "core/file.h"
#include "io/decode/formats.h"
#include "io/orient.h"
#include "sclip/error.h"

namespace sclip {
namespace {

const PictureFormat& known_format(PictureBytes bytes, const std::string& name) {
  SCLIP_CHECK(!bytes.empty(), kCorruptData, "cannot decode ", name, ": the file is empty (0 bytes)");
  const PictureFormat* format = find_picture_format(bytes, name);
  SCLIP_CHECK(format != nullptr, kUnsupported, "cannot decode ", name, ": it is not a picture in a known format (",
              decoded_formats(), ")");
  if (format->open == nullptr && !format->library.empty()) {
    fail(ErrorCode::kUnsupported, "cannot decode ", name, ": this build has no ", format->name,
         ": it was made without ", format->library, "; convert the picture to PNG or JPEG");
  }
  SCLIP_CHECK(format->open != nullptr, kUnsupported, "cannot decode ", name, ": ", format->name,
              " is not supported; convert it to PNG or JPEG");
  return *format;
}

void check_size(const PictureHeader& header, const DecodeOptions& options, const std::string& name) {
  const auto [width, height] = std::pair(header.width, header.height);
  SCLIP_CHECK(width > 0 && height > 0, kCorruptData, "cannot decode ", name, ": its header says ", width, " × ", height,
              " pixels");
  SCLIP_CHECK(width <= options.max_side && height <= options.max_side && width * height <= options.max_pixels,
              kUnsupported, "cannot decode ", name, ": ", width, " × ", height, " pixels are more than the limit of ",
              options.max_pixels / 1'000'000, " million pixels and ", options.max_side, " on a side; scale it down");
}

Image read_whole(const PictureFormat& format, PictureBytes bytes, const std::string& name, const DecodeOptions& options,
                 int& orientation) {
  const ReaderPointer reader = format.open(bytes);
  const PictureHeader& header = reader->header();
  check_size(header, options, name);
  orientation = header.orientation;
  if (options.salvaged != nullptr) reader->salvage();
  Image image(static_cast<int>(header.width), static_cast<int>(header.height));
  reader->read(image.rgb.data(), header.height);
  if (options.salvaged != nullptr && !reader->damage().empty()) {
    *options.salvaged = str(name, ": the ", format.name, " file ", reader->damage());
  }
  return image;
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, const std::string& name, ThreadPool& pool,
                   const DecodeOptions& options) {
  if (options.salvaged != nullptr) options.salvaged->clear();
  const PictureFormat& format = known_format(bytes, name);
  int orientation = 1;
  Image stored;
  try {
    stored = read_whole(format, bytes, name, options, orientation);
  } catch (const Error& error) {
    const std::string_view what = error.what();
    if (what.starts_with("cannot decode ")) throw;
    fail(error.code(), "cannot decode ", name, ": the ", format.name, " file ", what);
  }
  return orientation == 1 ? std::move(stored) : oriented_copy(stored.view(), orientation, pool);
}

Image load_image(const std::filesystem::path& path, ThreadPool& pool, const DecodeOptions& options) {
  const MappedFile file(path);
  return decode_image(file.bytes(), path.string(), pool, options);
}

}  // namespace sclip
