#include "weights/blob_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sclip/error.h"
#include "weights/guarded_json.h"

namespace sclip {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kPrefixBytes = 8;
constexpr size_t kHeaderDepth = 3;  // header, tensor, shape
constexpr int64_t kMaxExtent = int64_t{1} << 32;

uint64_t little_endian_u64(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < kPrefixBytes; ++i) value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return value;
}

Json parse_header_json(std::string_view text, const std::string& where) {
  try {
    return parse_guarded_json(text, kHeaderDepth, where + ": the header");
  } catch (const Json::parse_error& error) {
    fail(ErrorCode::kCorruptData, where, ": the header is not valid JSON, see byte ", kPrefixBytes + error.byte - 1,
         " of the file");
  } catch (const Json::out_of_range&) {
    fail(ErrorCode::kCorruptData, where, ": the header has a number that is too large");
  }
}

std::map<std::string, std::string> parse_metadata(const Json& object, const std::string& where) {
  SCLIP_CHECK(object.is_object(), kCorruptData, where, ": __metadata__ is not a JSON object");
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : object.items()) {
    SCLIP_CHECK(value.is_string(), kCorruptData, where, ": __metadata__ ", printable(key), " is not a string");
    out[key] = value.get<std::string>();
  }
  return out;
}

void check_version(const std::map<std::string, std::string>& metadata, const std::string& where) {
  const auto format = metadata.find("format");
  SCLIP_CHECK(format != metadata.end() && format->second == "sclip", kCorruptData, where,
              ": a safetensors file without sclip's metadata; convert it with python -m sclip_convert");
  const auto version = metadata.find("format_version");
  SCLIP_CHECK(version != metadata.end(), kCorruptData, where, ": __metadata__ lacks format_version");
  SCLIP_CHECK(version->second == kBlobFormatVersion, kUnsupported, where, ": format version ",
              printable(version->second), ", this build reads version ", kBlobFormatVersion,
              "; convert the original weights again");
}

const Json& member(const Json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  SCLIP_CHECK(found != object.end(), kCorruptData, where, " lacks ", key);
  return *found;
}

DType parse_entry_dtype(const Json& value, const std::string& where) {
  SCLIP_CHECK(value.is_string(), kCorruptData, where, ": dtype is not a string");
  const auto& name = value.get_ref<const std::string&>();
  const auto dtype = parse_dtype(name);
  SCLIP_CHECK(dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kU8,
              kCorruptData, where, ": dtype is ", printable(name), ", the format knows F32, F16, BF16 and U8");
  return *dtype;
}

Shape parse_shape(const Json& value, const std::string& where) {
  SCLIP_CHECK(value.is_array(), kCorruptData, where, ": shape is not a list");
  SCLIP_CHECK(value.size() >= 1 && value.size() <= static_cast<size_t>(Shape::kMaxRank), kCorruptData, where,
              ": shape has ", value.size(), " dimensions, the format allows 1 to ", Shape::kMaxRank);
  Shape shape;
  for (const Json& item : value) {
    SCLIP_CHECK(item.is_number_unsigned() && item.get<uint64_t>() >= 1 &&
                    item.get<uint64_t>() <= static_cast<uint64_t>(kMaxExtent),
                kCorruptData, where, ": shape has an extent that is not an integer from 1 to ", kMaxExtent);
    shape.dims[static_cast<size_t>(shape.rank++)] = item.get<int64_t>();
  }
  return shape;
}

// Bytes of a tensor of this shape; a hostile one fits neither the payload nor any 64-bit number.
uint64_t checked_bytes(const BlobEntry& entry, uint64_t payload_bytes, const std::string& where) {
  uint64_t bytes = size_of(entry.dtype);
  for (int i = 0; i < entry.shape.rank; ++i) {
    const bool overflows = __builtin_mul_overflow(bytes, static_cast<uint64_t>(entry.shape[i]), &bytes);
    SCLIP_CHECK(!overflows && bytes <= payload_bytes, kCorruptData, where, ": shape ", to_string(entry.shape), " of ",
                to_string(entry.dtype), " does not fit a payload of ", payload_bytes, " bytes; the file is truncated");
  }
  return bytes;
}

BlobEntry parse_entry(const std::string& name, const Json& object, uint64_t payload_bytes, const std::string& file) {
  const std::string where = file + ": tensor " + printable(name);
  SCLIP_CHECK(object.is_object(), kCorruptData, where, " is not described by a JSON object");
  SCLIP_CHECK(object.size() == 3, kCorruptData, where, " has ", object.size(),
              " attributes, the format has dtype, shape and data_offsets");
  BlobEntry entry;
  entry.name = name;
  entry.dtype = parse_entry_dtype(member(object, "dtype", where), where);
  entry.shape = parse_shape(member(object, "shape", where), where);
  const Json& offsets = member(object, "data_offsets", where);
  SCLIP_CHECK(
      offsets.is_array() && offsets.size() == 2 && offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned(),
      kCorruptData, where, ": data_offsets is not a pair of non-negative integers");
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  SCLIP_CHECK(entry.begin <= entry.end && entry.end <= payload_bytes, kCorruptData, where, ": data_offsets ",
              entry.begin, " to ", entry.end, " lie outside the payload of ", payload_bytes,
              " bytes; the file is truncated or corrupt");
  SCLIP_CHECK(entry.begin % kBlobAlignment == 0, kCorruptData, where, ": begins at byte ", entry.begin,
              " of the payload, which is not a multiple of ", kBlobAlignment);
  const uint64_t bytes = checked_bytes(entry, payload_bytes, where);
  SCLIP_CHECK(bytes == entry.end - entry.begin, kCorruptData, where, ": shape ", to_string(entry.shape), " of ",
              to_string(entry.dtype), " takes ", bytes, " bytes, data_offsets gives ", entry.end - entry.begin);
  return entry;
}

void check_coverage(const std::vector<BlobEntry>& entries, uint64_t payload_bytes, const std::string& where) {
  uint64_t position = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const BlobEntry& entry = entries[i];
    const std::string before = i == 0 ? "the start" : printable(entries[i - 1].name);
    SCLIP_CHECK(entry.begin >= position, kCorruptData, where, ": tensor ", printable(entry.name), " begins at byte ",
                entry.begin, " of the payload and overlaps ", before, ", which ends at ", position);
    SCLIP_CHECK(entry.begin == position, kCorruptData, where, ": a gap of ", entry.begin - position,
                " bytes lies between ", before, " and tensor ", printable(entry.name), " in the payload");
    position = entry.end;
  }
  SCLIP_CHECK(position == payload_bytes, kCorruptData, where, ": ", payload_bytes - position,
              " bytes follow the last tensor, which ends at byte ", position, " of the payload");
}

std::string_view header_text(std::span<const std::byte> file, const std::string& where) {
  SCLIP_CHECK(!file.empty(), kCorruptData, where, ": the file is empty");
  SCLIP_CHECK(file.size() >= kPrefixBytes + 2, kCorruptData, where, ": ", file.size(),
              " bytes are too few for a weight blob");
  SCLIP_CHECK(!(file[0] == std::byte{'P'} && file[1] == std::byte{'K'}), kCorruptData, where,
              ": this is a ZIP archive, probably a PyTorch checkpoint; convert it with python -m sclip_convert");
  const uint64_t length = little_endian_u64(file);
  SCLIP_CHECK(length <= kMaxHeaderBytes, kCorruptData, where, ": a header of ", length,
              " bytes is announced, the format allows ", kMaxHeaderBytes, "; this is not a weight blob");
  SCLIP_CHECK(length <= file.size() - kPrefixBytes, kCorruptData, where, ": a header of ", length,
              " bytes is announced in a file of ", file.size(), "; the file is truncated");
  return {reinterpret_cast<const char*>(file.data() + kPrefixBytes), length};
}

}  // namespace

std::string printable(std::string_view name) {
  constexpr size_t kMaxShown = 80;
  std::string out;
  for (const char c : name.substr(0, kMaxShown)) out += (c >= ' ' && c <= '~') ? c : '?';
  return name.size() > kMaxShown ? out + "..." : out;
}

BlobHeader parse_blob_header(std::span<const std::byte> file, const std::string& where) {
  BlobHeader header;
  header.json = header_text(file, where);
  header.payload = file.subspan(kPrefixBytes + header.json.size());
  const Json root = parse_header_json(header.json, where);
  SCLIP_CHECK(root.is_object(), kCorruptData, where, ": the header is not a JSON object");
  if (root.contains("__metadata__")) header.metadata = parse_metadata(root["__metadata__"], where);
  check_version(header.metadata, where);
  SCLIP_CHECK((kPrefixBytes + header.json.size()) % kBlobAlignment == 0, kCorruptData, where,
              ": the payload begins at byte ", kPrefixBytes + header.json.size(), ", which is not a multiple of ",
              kBlobAlignment);
  for (const auto& [name, value] : root.items()) {
    if (name != "__metadata__") header.entries.push_back(parse_entry(name, value, header.payload.size(), where));
  }
  std::sort(header.entries.begin(), header.entries.end(),
            [](const BlobEntry& a, const BlobEntry& b) { return a.begin < b.begin; });
  check_coverage(header.entries, header.payload.size(), where);
  return header;
}

}  // namespace sclip
