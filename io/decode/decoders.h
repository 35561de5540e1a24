// The decoders, one file each. What an optional library decodes is declared whether or not the library is there;
// formats.cpp knows which are built in.
#pragma once

#include <memory>

#include "io/decode/picture_reader.h"

namespace sclip {

using ReaderPointer = std::unique_ptr<PictureReader>;

// All of them keep a reference to `bytes`. They throw kCorruptData and kUnsupported.
ReaderPointer open_bmp(PictureBytes bytes);
ReaderPointer open_gif(PictureBytes bytes);   // its first frame
ReaderPointer open_heif(PictureBytes bytes);  // HEIC and AVIF, by libheif
ReaderPointer open_jpeg(PictureBytes bytes);  // by libjpeg-turbo
ReaderPointer open_jpeg_stb(PictureBytes bytes);
ReaderPointer open_png(PictureBytes bytes);
ReaderPointer open_pnm(PictureBytes bytes);
ReaderPointer open_stb(PictureBytes bytes);   // PSD and TGA
ReaderPointer open_tiff(PictureBytes bytes);  // its first page, by libtiff
ReaderPointer open_webp(PictureBytes bytes);  // its first frame, by libwebp

}  // namespace sclip
