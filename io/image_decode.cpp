#include "io/image_decode.h"

#include "io/picture_file.h"

namespace sclip {

Image decode_image(std::span<const std::byte> bytes, const std::string& name, ThreadPool& pool,
                   const DecodeOptions& options) {
  return PictureFile(bytes, name, options).load(pool);
}

Image load_image(const std::filesystem::path& path, ThreadPool& pool, const DecodeOptions& options) {
  return PictureFile(path, options).load(pool);
}

}  // namespace sclip
