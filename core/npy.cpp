#include "core/npy.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "core/file.h"
#include "sclip/error.h"

namespace sclip {
namespace {

static_assert(std::endian::native == std::endian::little, "npy files are written as they lie in memory");

constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr size_t kPreamble = 10;  // magic, version, length of the header

struct TypeName {
  DType dtype;
  std::string_view name;
};
constexpr TypeName kTypes[] = {{DType::kF32, "<f4"}, {DType::kF16, "<f2"}, {DType::kU8, "|u1"},
                               {DType::kU16, "<u2"}, {DType::kI32, "<i4"}, {DType::kI64, "<i8"}};

std::string make_header(DType dtype, const Shape& shape, const std::filesystem::path& path) {
  std::string_view type;
  for (const TypeName& t : kTypes) {
    if (t.dtype == dtype) type = t.name;
  }
  SCLIP_CHECK(!type.empty(), kUnsupported, "cannot write ", path.string(), ": NumPy has no ", to_string(dtype));
  std::string dims;
  for (int i = 0; i < shape.rank; ++i) dims += str(i > 0 ? ", " : "", shape[i]);
  if (shape.rank == 1) dims += ",";
  std::string header = str("{'descr': '", type, "', 'fortran_order': False, 'shape': (", dims, "), }");
  // Data starts on a multiple of 64 bytes, after spaces and a line end.
  header.append(63 - (kPreamble + header.size()) % 64, ' ');
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());
  const char length_bytes[2] = {static_cast<char>(length & 255), static_cast<char>(length >> 8)};
  return std::string(kMagic) + std::string(length_bytes, 2) + header;
}

std::span<const std::byte> bytes_of(const void* data, size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

// The text after `'key':`, without leading spaces.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  const size_t at = header.find(str("'", key, "':"));
  if (at == std::string_view::npos) return std::nullopt;
  header.remove_prefix(at + key.size() + 3);
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

std::optional<Shape> parse_shape(std::string_view text) {
  if (!text.starts_with('(')) return std::nullopt;
  text.remove_prefix(1);
  Shape shape;
  while (!text.empty()) {
    if (text.front() == ')') return shape;
    if (text.front() == ',' || text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (error != std::errc() || dim < 0 || shape.rank == Shape::kMaxRank) return std::nullopt;
    shape.dims[static_cast<size_t>(shape.rank++)] = dim;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
  }
  return std::nullopt;
}

// Bytes of the array, unless the product does not fit.
std::optional<uint64_t> byte_count(const Shape& shape, DType dtype) {
  uint64_t bytes = size_of(dtype);
  for (int i = 0; i < shape.rank; ++i) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(shape[i]), &bytes)) return std::nullopt;
  }
  return bytes;
}

}  // namespace

void write_npy(const std::filesystem::path& path, const TensorView& array) {
  const std::string header = make_header(array.dtype, array.shape, path);
  AtomicFile file(path);
  file.reserve(header.size() + array.bytes());
  file.write(bytes_of(header.data(), header.size()));
  file.write(bytes_of(array.data, array.bytes()));
  file.commit();
}

std::vector<std::byte> encode_npy(const TensorView& array) {
  const std::string header = make_header(array.dtype, array.shape, "an array");
  std::vector<std::byte> out(header.size() + array.bytes());
  std::memcpy(out.data(), header.data(), header.size());
  if (array.bytes() > 0) std::memcpy(out.data() + header.size(), array.data, array.bytes());
  return out;
}

NpyArray read_npy(const std::filesystem::path& path) {
  const MappedFile file(path);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  SCLIP_CHECK(text.size() > kPreamble && text.starts_with(kMagic.substr(0, 6)), kCorruptData, "cannot read ",
              path.string(), ": it is not a .npy file");
  SCLIP_CHECK(text.starts_with(kMagic), kUnsupported, "cannot read ", path.string(), ": its .npy version is not 1.0");
  const size_t length = static_cast<uint8_t>(text[8]) + size_t{256} * static_cast<uint8_t>(text[9]);
  SCLIP_CHECK(kPreamble + length <= text.size(), kCorruptData, "cannot read ", path.string(),
              ": it is truncated inside its header");
  const std::string_view header = text.substr(kPreamble, length);

  NpyArray array;
  const auto type = value_of(header, "descr"), order = value_of(header, "fortran_order");
  const auto shape = value_of(header, "shape");
  SCLIP_CHECK(type && order && shape, kCorruptData, "cannot read ", path.string(), ": its .npy header is damaged");
  SCLIP_CHECK(order->starts_with("False"), kUnsupported, "cannot read ", path.string(), ": it is in Fortran order");
  bool known = false;
  for (const TypeName& t : kTypes) {
    if (!type->starts_with(str("'", t.name, "'"))) continue;
    array.dtype = t.dtype;
    known = true;
  }
  SCLIP_CHECK(known, kUnsupported, "cannot read ", path.string(), ": element type ",
              type->substr(0, type->find_first_of(",}")), " is not supported");
  const std::optional<Shape> parsed = parse_shape(*shape);
  SCLIP_CHECK(parsed, kUnsupported, "cannot read ", path.string(), ": shape ", shape->substr(0, shape->find(')') + 1),
              " is not up to ", Shape::kMaxRank, " sizes");
  array.shape = *parsed;
  const std::optional<uint64_t> bytes = byte_count(array.shape, array.dtype);
  SCLIP_CHECK(bytes && *bytes == text.size() - kPreamble - length, kCorruptData, "cannot read ", path.string(),
              ": shape ", to_string(array.shape), " does not fit its ", text.size() - kPreamble - length,
              " bytes of data");
  array.data.resize_discard(*bytes);
  if (*bytes > 0) std::memcpy(array.data.data(), text.data() + kPreamble + length, *bytes);
  return array;
}

std::byte* map_npy(AtomicFile& file, DType dtype, const Shape& shape) {
  const std::string header = make_header(dtype, shape, file.path());
  file.reserve(header.size() + static_cast<uint64_t>(shape.count()) * size_of(dtype));
  file.write(bytes_of(header.data(), header.size()));
  return file.map().data() + header.size();
}

}  // namespace sclip
