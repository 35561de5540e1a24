// Picture files in and out.
#include "api/objects.h"
#include "core/thread_pool.h"
#include "io/image_decode.h"
#include "io/overlay_picture.h"
#include "io/picture_file.h"
#include "io/png_write.h"
#include "results/class_style.h"

namespace sclip::api {
namespace {

// How a bank's classes look, with their shares of the picture.
std::vector<OverlayClass> overlay_classes(const TextBank& bank, LabelView labels) {
  const std::vector<std::string>& names = bank.classes().class_names();
  const std::vector<ClassStyle> styles = class_styles(names);
  std::vector<int64_t> pixels(names.size());
  const int64_t all = int64_t{labels.width} * labels.height;
  for (int64_t i = 0; i < all; ++i) {
    if (labels.labels[i] < pixels.size()) ++pixels[labels.labels[i]];
  }
  std::vector<OverlayClass> out;
  for (size_t i = 0; i < names.size(); ++i) {
    out.push_back({.name = names[i],
                   .color = styles[i].color,
                   .share = static_cast<double>(pixels[i]) / static_cast<double>(all),
                   .opacity = styles[i].opacity,
                   .id = i});
  }
  return out;
}

LabelView labels_of(const uint16_t* labels, int32_t width, int32_t height) {
  SCLIP_CHECK(width >= 1 && height >= 1, kInvalidArgument, "the labels are of ", width, "×", height, " pixels");
  return {&needed(labels, "labels"), width, height};
}

void give_bytes(std::vector<std::byte> bytes, sclip_bytes** out) {
  auto object = std::make_shared<BytesObject>();
  object->bytes = std::move(bytes);
  *out = give(std::move(object));
}

std::span<const std::byte> bytes_of(const void* bytes, size_t size) {
  SCLIP_CHECK(bytes != nullptr, kInvalidArgument, "bytes is NULL");
  return {static_cast<const std::byte*>(bytes), size};
}

std::string name_of(const char* name) {
  return name != nullptr ? name : "a picture in memory";
}

// `decode(pool)` gives the picture.
template <typename Decode>
void give_picture(sclip_picture** picture, const Decode& decode) {
  needed(picture, "the place for the picture");
  *picture = nullptr;
  ThreadPool pool(1);
  auto object = std::make_shared<PictureObject>();
  object->image = decode(pool);
  *picture = give(std::move(object));
}

}  // namespace
}  // namespace sclip::api

using namespace sclip;
using namespace sclip::api;

sclip_status sclip_picture_load(const char* path, sclip_picture** picture) {
  return guarded(
      __func__, [&] { give_picture(picture, [&](ThreadPool& pool) { return load_image(text(path, "path"), pool); }); });
}

sclip_status sclip_picture_decode(const void* bytes, size_t size, const char* name, sclip_picture** picture) {
  return guarded(__func__, [&] {
    give_picture(picture, [&](ThreadPool& pool) { return decode_image(bytes_of(bytes, size), name_of(name), pool); });
  });
}

sclip_status sclip_picture_size(const void* bytes, size_t size, const char* name, int32_t* width, int32_t* height) {
  return guarded(__func__, [&] {
    const PictureFile file(bytes_of(bytes, size), name_of(name), {});
    needed(width, "the place for the width") = file.width();
    needed(height, "the place for the height") = file.height();
  });
}

sclip_status sclip_picture_image(const sclip_picture* picture, sclip_image* image) {
  return guarded(__func__, [&] {
    const auto p = take<PictureObject>(picture);
    needed(image, "image") = {p->image.rgb.data(), p->image.width, p->image.height, 0, SCLIP_RGB};
  });
}

sclip_status sclip_picture_free(sclip_picture* picture) {
  return guarded(__func__, [&] { release<PictureObject>(picture); });
}

sclip_status sclip_encode_mask(const uint16_t* labels, int32_t width, int32_t height, const sclip_bank* bank,
                               sclip_bytes** png) {
  return guarded(__func__, [&] {
    needed(png, "the place for the bytes");
    *png = nullptr;
    const auto b = take<BankObject>(bank);
    const LabelView view = labels_of(labels, width, height);
    std::vector<Rgb> palette;
    for (const ClassStyle& style : class_styles(b->bank->classes().class_names())) palette.push_back(style.color);
    give_bytes(encode_png_labels(view, palette, b->engine->thread_pool()), png);
  });
}

sclip_status sclip_encode_overlay(const sclip_image* photo, const uint16_t* labels, const sclip_bank* bank,
                                  sclip_bytes** png) {
  return guarded(__func__, [&] {
    needed(png, "the place for the bytes");
    *png = nullptr;
    const auto b = take<BankObject>(bank);
    const sclip_image& image = needed(photo, "photo");
    SCLIP_CHECK(image.order == SCLIP_RGB, kUnsupported, "an overlay is drawn on RGB pixels, and the photo's order is ",
                image.order);
    const ImageView view{image.pixels, image.width, image.height, image.row_stride, ChannelOrder::kRgb};
    check_rgb(view, "the photo", true);
    const LabelView mask = labels_of(labels, image.width, image.height);
    ThreadPool& pool = b->engine->thread_pool();
    give_bytes(encode_png_rgb(draw_overlay(view, mask, overlay_classes(*b->bank, mask), pool).view(), pool), png);
  });
}

sclip_status sclip_encode_rle(const uint16_t* labels, int32_t width, int32_t height, sclip_rle** rle) {
  return guarded(__func__, [&] {
    needed(rle, "the place for the run lengths");
    *rle = nullptr;
    auto object = std::make_shared<RleObject>();
    object->classes = encode_rle(labels_of(labels, width, height));
    for (const ClassRle& c : object->classes) {
      object->segments.push_back({c.label, c.counts.c_str(), c.area, c.x, c.y, c.width, c.height});
    }
    *rle = give(std::move(object));
  });
}

sclip_status sclip_rle_segments(const sclip_rle* rle, const sclip_rle_segment** segments, size_t* count) {
  return guarded(__func__, [&] {
    const auto r = take<RleObject>(rle);
    needed(segments, "the place for the segments") = r->segments.data();
    if (count != nullptr) *count = r->segments.size();
  });
}

sclip_status sclip_rle_free(sclip_rle* rle) {
  return guarded(__func__, [&] { release<RleObject>(rle); });
}

sclip_status sclip_bytes_data(const sclip_bytes* bytes, const void** data, size_t* size) {
  return guarded(__func__, [&] {
    const auto b = take<BytesObject>(bytes);
    if (data != nullptr) *data = b->bytes.data();
    if (size != nullptr) *size = b->bytes.size();
  });
}

sclip_status sclip_bytes_free(sclip_bytes* bytes) {
  return guarded(__func__, [&] { release<BytesObject>(bytes); });
}
