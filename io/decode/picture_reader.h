// PictureReader: a decoder at work on one file, from its header to its last row.
//
// Made from the bytes it reads nothing but the header, and allocates nothing of the picture's size: the size is judged
// in between. Rows then come in order, so that a caller need not hold the whole picture; decoders that cannot stop
// between rows keep it (WholePictureReader).
//
// Readers throw Error whose message goes on from "the JPEG file …": "is truncated: …", "has 12-bit samples, …".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "io/geo_tags.h"

namespace sclip {

using PictureBytes = std::span<const std::byte>;

struct PictureHeader {
  int64_t width = 0;
  int64_t height = 0;      // as stored: before the orientation
  int orientation = 1;     // EXIF: 1 … 8
  bool row_by_row = true;  // whether the decoder holds a few rows, not the picture
  GeoTags geo{};           // of a TIFF whose rows stand upright
};

class PictureReader {
 public:
  virtual ~PictureReader() = default;

  const PictureHeader& header() const { return header_; }
  // The next `count` rows, (count, width, 3). What is damaged is an error, or, for salvage, the first damage is kept
  // here and rows that are not there are what the decoder makes of them, else black.
  void read(uint8_t* rgb, int64_t count);
  const std::string& damage() const { return damage_; }
  void salvage() { salvage_ = true; }

 protected:
  virtual void read_rows(uint8_t* rgb, int64_t count) = 0;

  // Pixels are missing or wrong from here on.
  void damaged(const std::string& what);
  bool salvages() const { return salvage_; }
  int64_t row_bytes() const { return header_.width * 3; }
  int64_t next_row() const { return next_row_; }  // the first that `read` has not returned yet

  PictureHeader header_;

 private:
  int64_t next_row_ = 0;
  bool salvage_ = false;
  std::string damage_;
};

// For decoders that make the picture in one go.
class WholePictureReader : public PictureReader {
 protected:
  WholePictureReader() { header_.row_by_row = false; }
  virtual void decode(uint8_t* rgb) = 0;  // (height, width, 3)
  void read_rows(uint8_t* rgb, int64_t count) final;

 private:
  std::unique_ptr<uint8_t[]> picture_;  // where it was not asked for at once
};

// "it ends after 1000 bytes, in row 3 of 40"; a row beyond the last: "…, without its end mark".
std::string ends_in_row(size_t bytes, int64_t row, int64_t rows);

}  // namespace sclip
