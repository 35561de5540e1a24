// PhotoRows: a photo that is too large to be held, and is read once from its first row to its last.
#pragma once

#include <cstdint>

namespace sclip {

class PhotoRows {
 public:
  virtual ~PhotoRows() = default;
  virtual int width() const = 0;   // W0
  virtual int height() const = 0;  // H0
  // The next `count` rows as RGB, (count, W0, 3). What it throws passes through the session, which stays usable.
  virtual void read(uint8_t* rgb, int64_t count) = 0;
};

}  // namespace sclip
