// Picture files, masks and overlays, run lengths.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "python/native/module.h"

namespace {

using LabelArray = nb::ndarray<const uint16_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

auto picture_array(const sclip::Picture& picture) {
  const sclip::Image image = picture.image();
  const size_t bytes = 3 * static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  return to_array(std::vector<uint8_t>(image.pixels, image.pixels + bytes), image.height, image.width, 3);
}

nb::bytes to_bytes(sclip_bytes* handle) {
  const void* data = nullptr;
  size_t size = 0;
  sclip::detail::check(sclip_bytes_data(handle, &data, &size));
  return nb::bytes(data, size);
}

}  // namespace

void bind_pictures(nb::module_& m) {
  m.def(
      "load_picture", [](const std::string& path) { return picture_array(sclip::Picture(path)); }, nb::arg("path"));
  m.def(
      "decode_picture",
      [](const nb::bytes& content, const std::string& name) {
        return picture_array(
            sclip::Picture({reinterpret_cast<const std::byte*>(content.c_str()), content.size()}, name));
      },
      nb::arg("content"), nb::arg("name"));
  m.def(
      "picture_size",
      [](const nb::bytes& content, const std::string& name) {
        const auto [width, height] =
            sclip::picture_size({reinterpret_cast<const std::byte*>(content.c_str()), content.size()}, name);
        return std::tuple(width, height);
      },
      nb::arg("content"), nb::arg("name"));
  m.def(
      "encode_mask",
      [](const LabelArray& labels, const sclip::Bank& bank) {
        sclip::detail::Owned<sclip_bytes, sclip_bytes_free> bytes;
        sclip::detail::check(sclip_encode_mask(labels.data(), static_cast<int32_t>(labels.shape(1)),
                                               static_cast<int32_t>(labels.shape(0)), bank.get(), bytes.out()));
        return to_bytes(bytes.get());
      },
      nb::arg("labels"), nb::arg("bank"));
  m.def(
      "encode_overlay",
      [](const nb::ndarray<const uint8_t, nb::shape<-1, -1, 3>, nb::c_contig, nb::device::cpu>& photo,
         const LabelArray& labels, const sclip::Bank& bank) {
        if (photo.shape(0) != labels.shape(0) || photo.shape(1) != labels.shape(1))
          throw nb::value_error("the photo and its labels have different sizes");
        const sclip_image image = image_of(PixelArray(photo), "rgb").c();
        sclip::detail::Owned<sclip_bytes, sclip_bytes_free> bytes;
        sclip::detail::check(sclip_encode_overlay(&image, labels.data(), bank.get(), bytes.out()));
        return to_bytes(bytes.get());
      },
      nb::arg("photo"), nb::arg("labels"), nb::arg("bank"));
  // (label, counts, area, (x, y, width, height)) of each label that has pixels.
  m.def(
      "run_lengths",
      [](const LabelArray& labels) {
        std::vector<std::tuple<int32_t, std::string, int64_t, std::tuple<int32_t, int32_t, int32_t, int32_t>>> out;
        sclip::detail::Owned<sclip_rle, sclip_rle_free> rle;
        sclip::detail::check(sclip_encode_rle(labels.data(), static_cast<int32_t>(labels.shape(1)),
                                              static_cast<int32_t>(labels.shape(0)), rle.out()));
        const sclip_rle_segment* segments = nullptr;
        size_t count = 0;
        sclip::detail::check(sclip_rle_segments(rle.get(), &segments, &count));
        for (const sclip_rle_segment& c : std::span(segments, count)) {
          out.emplace_back(c.label, c.counts, c.area, std::tuple(c.x, c.y, c.width, c.height));
        }
        return out;
      },
      nb::arg("labels"));
}
