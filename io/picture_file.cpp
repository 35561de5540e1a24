#include "io/picture_file.h"

#include <utility>

#include "io/decode/formats.h"
#include "io/orient.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr int64_t kReleaseBytes = int64_t{1} << 25;

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

void check_size(const PictureHeader& header, int64_t max_pixels, const DecodeOptions& options, std::string_view format,
                const std::string& name) {
  const auto [width, height] = std::pair(header.width, header.height);
  SCLIP_CHECK(width > 0 && height > 0, kCorruptData, "cannot decode ", name, ": the header of the ", format,
              " file says ", width, " × ", height, " pixels");
  SCLIP_CHECK(width <= options.max_side && height <= options.max_side && width * height <= max_pixels, kUnsupported,
              "cannot decode ", name, ": ", width, " × ", height, " pixels are more than the limit of ",
              max_pixels / 1'000'000, " million pixels and ", options.max_side, " on a side; scale it down");
}

bool in_order(const PictureHeader& header) {
  return header.row_by_row && header.orientation == 1;
}

}  // namespace

template <typename Body>
auto PictureFile::explained(const Body& body) const {
  try {
    return body();
  } catch (const Error& error) {
    const std::string_view what = error.what();
    if (what.starts_with("cannot decode ")) throw;
    fail(error.code(), "cannot decode ", name_, ": the ", format_->name, " file ", what);
  }
}

PictureFile::PictureFile(const std::filesystem::path& path, const DecodeOptions& options)
    : file_(std::make_unique<MappedFile>(path)), name_(path.string()), options_(options) {
  open(file_->bytes());
}

PictureFile::PictureFile(std::span<const std::byte> bytes, std::string name, const DecodeOptions& options)
    : name_(std::move(name)), options_(options) {
  open(bytes);
}

PictureFile::~PictureFile() = default;

void PictureFile::open(std::span<const std::byte> bytes) {
  format_ = &known_format(bytes, name_);
  reader_ = explained([&] { return format_->open(bytes); });
  const PictureHeader& header = reader_->header();
  check_size(header, in_order(header) ? options_.max_streamed_pixels : options_.max_pixels, options_, format_->name,
             name_);
  if (options_.salvage) reader_->salvage();
}

int PictureFile::width() const {
  const PictureHeader& header = reader_->header();
  return static_cast<int>(header.orientation >= 5 ? header.height : header.width);
}
int PictureFile::height() const {
  const PictureHeader& header = reader_->header();
  return static_cast<int>(header.orientation >= 5 ? header.width : header.height);
}
const GeoTags& PictureFile::geo() const {
  return reader_->header().geo;
}
bool PictureFile::row_by_row() const {
  return in_order(reader_->header());
}

Image PictureFile::load(ThreadPool& pool) {
  const PictureHeader& header = reader_->header();
  check_size(header, options_.max_pixels, options_, format_->name, name_);
  Image stored(static_cast<int>(header.width), static_cast<int>(header.height));
  explained([&] { reader_->read(stored.rgb.data(), header.height); });
  return header.orientation == 1 ? std::move(stored) : oriented_copy(stored.view(), header.orientation, pool);
}

void PictureFile::read(uint8_t* rgb, int64_t count) {
  SCLIP_CHECK(row_by_row(), kInternal, name_, " does not come row by row");
  explained([&] { reader_->read(rgb, count); });
  unreleased_ += count * width() * 3;
  if (file_ != nullptr && unreleased_ >= kReleaseBytes) {
    file_->release(file_->bytes());
    unreleased_ = 0;
  }
}

std::string PictureFile::damage() const {
  return reader_->damage().empty() ? "" : str(name_, ": the ", format_->name, " file ", reader_->damage());
}

}  // namespace sclip
