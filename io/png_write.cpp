#include "io/png_write.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>

#include "sclip/error.h"

namespace sclip {
namespace {

using Bytes = std::span<const std::byte>;

// 4000 × 3000, one core: run-length deflate packs a photo with colours as tightly as level 3 (a quarter of its size) at
// twice the speed, and a mask into 1/500 as level 6 does. Average predicts photos best for its price; Up leaves nothing
// of a mask but its edges.
enum class Filter : uint8_t { kUp = 2, kAverage = 3 };
constexpr int kStrategy = Z_RLE;
constexpr size_t kStripeBytes = size_t{1} << 20;

constexpr uint8_t kGrey = 0, kRgb = 2, kIndexed = 3;  // colour types

struct Layout {
  int width = 0;
  int height = 0;
  uint8_t bit_depth = 8;
  uint8_t color_type = kGrey;
  size_t pixel_bytes = 1;
  Filter filter = Filter::kUp;
  std::function<void(int y, uint8_t* row)> read_row;

  size_t row_bytes() const { return static_cast<size_t>(width) * pixel_bytes; }
};

void append(std::vector<std::byte>& out, Bytes bytes) {
  const size_t offset = out.size();
  out.resize(offset + bytes.size());
  std::memcpy(out.data() + offset, bytes.data(), bytes.size());
}

void append_u32(std::vector<std::byte>& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(value >> shift & 255));
}

// A chunk whose length and checksum are filled in by `close`.
class Chunk {
 public:
  explicit Chunk(std::string_view type) {
    append_u32(bytes, 0);
    for (const char c : type) bytes.push_back(static_cast<std::byte>(c));
  }
  Bytes close() {
    const auto length = static_cast<uint32_t>(bytes.size() - 8);
    const auto* typed = reinterpret_cast<const Bytef*>(bytes.data() + 4);
    append_u32(bytes, static_cast<uint32_t>(crc32_z(0, typed, bytes.size() - 4)));
    for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::byte>(length >> (24 - 8 * i) & 255);
    return bytes;
  }
  std::vector<std::byte> bytes;
};

void filter_row(const Layout& layout, const uint8_t* row, const uint8_t* above, uint8_t* out) {
  const size_t bytes = layout.row_bytes(), pixel = layout.pixel_bytes;
  *out++ = static_cast<uint8_t>(layout.filter);
  if (layout.filter == Filter::kUp) {
    for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<uint8_t>(row[i] - above[i]);
    return;
  }
  for (size_t i = 0; i < pixel; ++i) out[i] = static_cast<uint8_t>(row[i] - above[i] / 2);
  for (size_t i = pixel; i < bytes; ++i) out[i] = static_cast<uint8_t>(row[i] - (row[i - pixel] + above[i]) / 2);
}

std::vector<uint8_t> filter_rows(const Layout& layout, int begin, int end) {
  const size_t bytes = layout.row_bytes();
  std::vector<uint8_t> filtered(static_cast<size_t>(end - begin) * (bytes + 1));
  std::vector<uint8_t> row(bytes), above(bytes);
  if (begin > 0) layout.read_row(begin - 1, above.data());
  uint8_t* out = filtered.data();
  for (int y = begin; y < end; ++y, out += bytes + 1) {
    layout.read_row(y, row.data());
    filter_row(layout, row.data(), above.data(), out);
    std::swap(row, above);
  }
  return filtered;
}

// Rows as one IDAT chunk: a piece of deflate stream that ends on a byte boundary, so that pieces can be joined.
struct Stripe {
  Chunk chunk{"IDAT"};
  uint32_t adler = 0;
  size_t size = 0;
};

void append_deflated(const std::vector<uint8_t>& bytes, bool last, std::vector<std::byte>& out) {
  z_stream stream{};
  SCLIP_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, -15, 9, kStrategy) == Z_OK, kOutOfMemory,
              "cannot compress a PNG: zlib has no memory");
  const size_t offset = out.size();
  out.resize(offset + deflateBound(&stream, static_cast<uLong>(bytes.size())) + 16);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data() + offset);
  stream.avail_out = static_cast<uInt>(out.size() - offset);
  const int status = deflate(&stream, last ? Z_FINISH : Z_SYNC_FLUSH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  SCLIP_CHECK(status == (last ? Z_STREAM_END : Z_OK) && stream.avail_in == 0, kInternal, "zlib failed with ", status);
}

Stripe make_stripe(const Layout& layout, int begin, int end) {
  const std::vector<uint8_t> filtered = filter_rows(layout, begin, end);
  Stripe stripe;
  if (begin == 0) {  // the zlib stream's header: deflate, 32 KiB window, fastest
    stripe.chunk.bytes.push_back(std::byte{0x78});
    stripe.chunk.bytes.push_back(std::byte{0x01});
  }
  append_deflated(filtered, end == layout.height, stripe.chunk.bytes);
  stripe.size = filtered.size();
  stripe.adler = static_cast<uint32_t>(adler32_z(1, filtered.data(), filtered.size()));
  return stripe;
}

void append_pixels(const Layout& layout, ThreadPool& pool, std::vector<std::byte>& out) {
  const auto rows_per_stripe = static_cast<int>(std::max<size_t>(1, kStripeBytes / (layout.row_bytes() + 1)));
  const int stripes = (layout.height + rows_per_stripe - 1) / rows_per_stripe;
  const int at_once = 2 * pool.threads_here();
  uint32_t adler = 1;
  for (int first = 0; first < stripes; first += at_once) {
    const int count = std::min(at_once, stripes - first);
    std::vector<Stripe> ready(static_cast<size_t>(count));
    pool.parallel_for(count, [&](int64_t i) {
      const int begin = (first + static_cast<int>(i)) * rows_per_stripe;
      ready[static_cast<size_t>(i)] = make_stripe(layout, begin, std::min(layout.height, begin + rows_per_stripe));
    });
    for (int i = 0; i < count; ++i) {
      Stripe& stripe = ready[static_cast<size_t>(i)];
      adler = static_cast<uint32_t>(adler32_combine(adler, stripe.adler, static_cast<z_off_t>(stripe.size)));
      if (first + i == stripes - 1) append_u32(stripe.chunk.bytes, adler);
      append(out, stripe.chunk.close());
    }
  }
}

constexpr unsigned char kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

// The text chunk that says who wrote the file.
Bytes software_chunk(Chunk& chunk) {
  for (const char c : std::string_view("Software\0sclip", 14)) chunk.bytes.push_back(static_cast<std::byte>(c));
  return chunk.close();
}

std::vector<std::byte> encode_png(const Layout& layout, std::span<const Rgb> palette, ThreadPool& pool) {
  SCLIP_CHECK(layout.width > 0 && layout.height > 0, kInvalidArgument, "cannot write a PNG of ", layout.width, " × ",
              layout.height, " pixels");
  std::vector<std::byte> out;
  append(out, std::as_bytes(std::span(kSignature)));
  Chunk header("IHDR");
  append_u32(header.bytes, static_cast<uint32_t>(layout.width));
  append_u32(header.bytes, static_cast<uint32_t>(layout.height));
  for (const int value : {int{layout.bit_depth}, int{layout.color_type}, 0, 0, 0}) {
    header.bytes.push_back(static_cast<std::byte>(value));
  }
  append(out, header.close());
  Chunk software("tEXt");
  append(out, software_chunk(software));
  if (!palette.empty()) {
    Chunk colors("PLTE");
    for (const Rgb& color : palette) {
      for (const uint8_t value : {color.r, color.g, color.b}) colors.bytes.push_back(std::byte{value});
    }
    append(out, colors.close());
  }
  append_pixels(layout, pool, out);
  append(out, Chunk("IEND").close());
  return out;
}

Layout rgb_layout(ImageView picture) {
  check_rgb(picture, "the picture for a PNG");
  Layout layout;
  layout.width = picture.width;
  layout.height = picture.height;
  layout.color_type = kRgb;
  layout.pixel_bytes = 3;
  layout.filter = Filter::kAverage;
  layout.read_row = [picture, bytes = layout.row_bytes()](int y, uint8_t* row) {
    std::memcpy(row, picture.row(y), bytes);
  };
  return layout;
}

void check_labels(LabelView picture, size_t classes) {
  SCLIP_CHECK(picture.labels != nullptr && picture.width >= 1 && picture.height >= 1 && classes >= 1, kInvalidArgument,
              "a mask of ", picture.width, "×", picture.height, " labels with ", classes,
              " colours: nothing may be missing or empty");
}

Layout labels_layout(LabelView picture, size_t classes, uint8_t color_type) {
  check_labels(picture, classes);
  const bool wide = classes > 256;
  Layout layout;
  layout.width = picture.width;
  layout.height = picture.height;
  layout.bit_depth = wide ? 16 : 8;
  layout.color_type = color_type;
  layout.pixel_bytes = wide ? 2 : 1;
  layout.read_row = [picture, classes, wide](int y, uint8_t* row) {
    const auto width = static_cast<size_t>(picture.width);
    const uint16_t* labels = picture.labels + static_cast<size_t>(y) * width;
    unsigned largest = 0;
    for (size_t x = 0; x < width; ++x) largest = std::max<unsigned>(largest, labels[x]);
    SCLIP_CHECK(largest < classes, kInvalidArgument, "label ", largest, " in row ", y, " of a mask with ", classes,
                " classes");
    if (wide) {
      for (size_t x = 0; x < width; ++x) {
        row[2 * x] = static_cast<uint8_t>(labels[x] >> 8);
        row[2 * x + 1] = static_cast<uint8_t>(labels[x]);
      }
    } else {
      for (size_t x = 0; x < width; ++x) row[x] = static_cast<uint8_t>(labels[x]);
    }
  };
  return layout;
}

Layout class_layout(LabelView picture, uint16_t label) {
  check_labels(picture, 1);
  Layout layout;
  layout.width = picture.width;
  layout.height = picture.height;
  layout.color_type = kGrey;
  layout.read_row = [picture, label](int y, uint8_t* row) {
    const auto width = static_cast<size_t>(picture.width);
    const uint16_t* labels = picture.labels + static_cast<size_t>(y) * width;
    for (size_t x = 0; x < width; ++x) row[x] = labels[x] == label ? 255 : 0;
  };
  return layout;
}

}  // namespace

bool is_marked_png(std::span<const std::byte> head) {
  constexpr size_t kHeaderChunk = 4 + 4 + 13 + 4;
  Chunk software("tEXt");
  const Bytes mark = software_chunk(software);
  const size_t at = sizeof kSignature + kHeaderChunk;
  return head.size() >= at + mark.size() && std::memcmp(head.data(), kSignature, sizeof kSignature) == 0 &&
         std::memcmp(head.data() + at, mark.data(), mark.size()) == 0;
}

std::vector<std::byte> encode_png_rgb(ImageView picture, ThreadPool& pool) {
  return encode_png(rgb_layout(picture), {}, pool);
}

std::vector<std::byte> encode_png_labels(LabelView picture, std::span<const Rgb> palette, ThreadPool& pool) {
  if (palette.size() > 256) return encode_png_grey(picture, palette.size(), pool);
  return encode_png(labels_layout(picture, palette.size(), kIndexed), palette, pool);
}

std::vector<std::byte> encode_png_grey(LabelView picture, size_t classes, ThreadPool& pool) {
  return encode_png(labels_layout(picture, classes, kGrey), {}, pool);
}

std::vector<std::byte> encode_png_class(LabelView picture, uint16_t label, ThreadPool& pool) {
  return encode_png(class_layout(picture, label), {}, pool);
}

}  // namespace sclip
