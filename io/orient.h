// EXIF orientation: the eight ways in which a camera may have stored a picture.
#pragma once

#include "core/thread_pool.h"
#include "io/image.h"
#include "sclip/image_view.h"

namespace sclip {

// A copy of `stored` turned and mirrored upright; `orientation` is EXIF's 1 … 8, 5 … 8 swap the sides.
Image oriented_copy(ImageView stored, int orientation, ThreadPool& pool);

}  // namespace sclip
