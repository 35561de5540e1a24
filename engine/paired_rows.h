// Of a photo that comes row by row, the rows that resizing looks at: two for each row of the result.
#pragma once

#include "core/buffer.h"
#include "sclip/image_view.h"
#include "sclip/photo_rows.h"
#include "sclip/run_control.h"

namespace sclip {

class PairedRows {
 public:
  // Reads the whole photo. The view has 2 · dst_height rows, as ResizeNormalizeParams::photo_height wants them; it is
  // good until the next call.
  // `control` may stop it between two strips, and hears what share of the rows has been read.
  ImageView gather(PhotoRows& photo, int64_t dst_height, const RunControl& control);

 private:
  AlignedBuffer<uint8_t> pairs_, strip_;
};

}  // namespace sclip
