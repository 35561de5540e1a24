#include "io/decode/picture_reader.h"

#include <cstring>

#include "sclip/error.h"

namespace sclip {

void PictureReader::read(uint8_t* rgb, int64_t count) {
  SCLIP_CHECK(count >= 0 && next_row_ + count <= header_.height, kInternal, "rows ", next_row_, " to ",
              next_row_ + count, " of a picture of ", header_.height, " rows");
  read_rows(rgb, count);
  next_row_ += count;
}

void PictureReader::damaged(const std::string& what) {
  if (!salvage_) fail(ErrorCode::kCorruptData, what, "; --salvage takes what is there");
  if (damage_.empty()) damage_ = what;
}

void WholePictureReader::read_rows(uint8_t* rgb, int64_t count) {
  if (next_row() == 0 && count == header_.height) return decode(rgb);
  const auto bytes = static_cast<size_t>(row_bytes() * header_.height);
  if (!picture_) {
    picture_ = std::make_unique_for_overwrite<uint8_t[]>(bytes);
    decode(picture_.get());
  }
  std::memcpy(rgb, picture_.get() + next_row() * row_bytes(), static_cast<size_t>(count * row_bytes()));
}

std::string ends_in_row(size_t bytes, int64_t row, int64_t rows) {
  const std::string begin = str("is truncated: it ends after ", bytes, " bytes, ");
  return row < rows ? str(begin, "in row ", row + 1, " of ", rows) : begin + "without its end mark";
}

}  // namespace sclip
