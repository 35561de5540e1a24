// PictureFile: a picture file that is open. Its size is known and within the limits; its pixels come whole, or row by
// row where they stand upright and in order in the file: a large photo then needs no memory of its size.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "core/file.h"
#include "core/thread_pool.h"
#include "io/geo_tags.h"
#include "io/image.h"
#include "io/image_decode.h"
#include "sclip/photo_rows.h"

namespace sclip {

struct PictureFormat;
class PictureReader;

class PictureFile final : public PhotoRows {
 public:
  // Both throw what decode_image throws of headers. `bytes` outlive the object.
  PictureFile(const std::filesystem::path& path, const DecodeOptions& options);
  PictureFile(std::span<const std::byte> bytes, std::string name, const DecodeOptions& options);
  ~PictureFile() override;

  int width() const override;  // upright
  int height() const override;
  bool row_by_row() const;

  // Once, one or the other; `read` only where row_by_row() says so.
  Image load(ThreadPool& pool);
  void read(uint8_t* rgb, int64_t count) override;

  const GeoTags& geo() const;

  // What is missing of a picture that is salvaged: a sentence, or nothing.
  std::string damage() const;

 private:
  void open(std::span<const std::byte> bytes);
  template <typename Body>
  auto explained(const Body& body) const;  // errors get the file's name

  std::unique_ptr<MappedFile> file_;
  std::string name_;
  DecodeOptions options_;
  const PictureFormat* format_ = nullptr;
  std::unique_ptr<PictureReader> reader_;
  int64_t unreleased_ = 0;  // bytes of pixels read since the file's pages were given back
};

}  // namespace sclip
