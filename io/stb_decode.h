// The pixel decoder: stb_image, reading through a source that notices when it is read beyond its end.
// stb_image itself takes missing bytes for zeros and returns a picture that is grey from there on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

namespace sclip {

struct StbPicture {
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  int width = 0;
  int height = 0;
  std::unique_ptr<uint8_t[], Free> rgb;  // (height, width, 3), or null
  bool truncated = false;                // bytes beyond the end were asked for
  std::string reason;                    // why rgb is null, in stb_image's words
};

struct StbSize {
  int width = 0;  // 0 when the header cannot be read
  int height = 0;
  bool truncated = false;
  std::string reason;
};

StbSize stb_read_size(std::span<const std::byte> bytes);
StbPicture stb_decode(std::span<const std::byte> bytes);

}  // namespace sclip
