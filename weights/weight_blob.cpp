#include "weights/weight_blob.h"
#include "weights/parse_model_config.h"

#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/buffer.h"
#include "core/file.h"
#include "core/hash.h"
#include "sclip/error.h"
#include "weights/blob_header.h"
#include "weights/tensor_table.h"

namespace sclip {
namespace {

constexpr std::string_view kMergesName = "tokenizer.merges";
constexpr size_t kDigestDigits = 64;
constexpr int64_t kByteSymbolsAndMarks = 2 * 256 + 2;

const std::string& required(const BlobHeader& header, const std::string& key, const std::string& where) {
  const auto found = header.metadata.find(key);
  SCLIP_CHECK(found != header.metadata.end(), kCorruptData, where, ": __metadata__ lacks ", key);
  return found->second;
}

std::string optional_text(const BlobHeader& header, const std::string& key) {
  const auto found = header.metadata.find(key);
  return found == header.metadata.end() ? std::string() : found->second;
}

// The header hashes itself with zeros in place of its own digest.
std::string header_digest(const BlobHeader& header, const std::string& where) {
  constexpr std::string_view kKey = "\"header_sha256\":\"";
  const std::string_view json = header.json;
  const size_t key = json.find(kKey);
  SCLIP_CHECK(key != std::string_view::npos && json.find(kKey, key + 1) == std::string_view::npos &&
                  json.size() - key - kKey.size() > kDigestDigits,
              kCorruptData, where, ": __metadata__ does not have one header_sha256 of ", kDigestDigits, " digits");
  const size_t digits = key + kKey.size();
  Sha256 hash;
  hash.update(json.substr(0, digits));
  hash.update(std::string(kDigestDigits, '0'));
  hash.update(json.substr(digits + kDigestDigits));
  return hash.hex();
}

void check_digest(const std::string& stored, const std::string& computed, const char* what, const std::string& where) {
  SCLIP_CHECK(stored == computed, kCorruptData, where, ": the ", what, " is damaged: its SHA-256 is ",
              computed.substr(0, 12), "..., the file says ", printable(stored).substr(0, 12),
              "...; copy or convert the file again");
}

void check_entry(const BlobEntry& entry, const TensorSpec& spec, const std::string& file) {
  const std::string where = file + ": tensor " + spec.name;
  if (spec.is_bytes) {
    SCLIP_CHECK(entry.dtype == DType::kU8 && entry.shape.rank == 1, kCorruptData, where, " has dtype ",
                to_string(entry.dtype), " and shape ", to_string(entry.shape), ", one row of U8 is needed");
    return;
  }
  SCLIP_CHECK(entry.dtype != DType::kU8, kCorruptData, where, " has dtype U8, F32, F16 or BF16 is needed");
  SCLIP_CHECK(entry.shape == spec.shape, kCorruptData, where, " has shape ", to_string(entry.shape),
              ", the config needs ", to_string(spec.shape));
}

// The entries must be the table's tensors, no more, no fewer, in its order.
void check_entries(const std::vector<BlobEntry>& entries, const std::vector<TensorSpec>& specs,
                   const std::string& where) {
  std::unordered_map<std::string_view, size_t> place;
  for (size_t i = 0; i < specs.size(); ++i) place[specs[i].name] = i;
  std::vector<bool> present(specs.size());
  for (const BlobEntry& entry : entries) {
    const auto found = place.find(entry.name);
    SCLIP_CHECK(found != place.end(), kCorruptData, where, ": tensor ", printable(entry.name),
                " is unknown to a model of this config");
    present[found->second] = true;
    check_entry(entry, specs[found->second], where);
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    SCLIP_CHECK(present[i], kCorruptData, where, ": tensor ", specs[i].name, " of shape ", to_string(specs[i].shape),
                " is missing");
    SCLIP_CHECK(entries[i].name == specs[i].name, kCorruptData, where, ": tensor ", entries[i].name, " lies where ",
                specs[i].name, " belongs; the format fixes the order");
  }
}

void check_merges(std::string_view text, int vocabulary, const std::string& file) {
  const std::string where = file + ": tensor " + std::string(kMergesName);
  int64_t lines = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    SCLIP_CHECK(end != std::string_view::npos, kCorruptData, where, ": the last line has no end");
    const std::string_view line = text.substr(0, end);
    const size_t space = line.find(' ');
    SCLIP_CHECK(space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
                    line.find(' ', space + 1) == std::string_view::npos,
                kCorruptData, where, ": line ", lines + 1, " is not a pair of symbols: ", printable(line));
    ++lines;
    text.remove_prefix(end + 1);
  }
  SCLIP_CHECK(lines + kByteSymbolsAndMarks == vocabulary, kCorruptData, where, ": ", lines,
              " merges make a vocabulary of ", lines + kByteSymbolsAndMarks, ", the config has ", vocabulary);
}

}  // namespace

struct WeightBlob::Content {
  std::string name;
  std::optional<MappedFile> map;  // one of these three holds the bytes
  AlignedBuffer<std::byte> copy;
  std::span<const std::byte> borrowed;
  ModelConfig config;
  BlobMetadata metadata;
  std::vector<std::string> names;
  std::unordered_map<std::string_view, TensorView> tensors;  // keys point into `names`
  std::string_view merges;
  std::string sha256;

  std::span<const std::byte> bytes() const {
    if (map) return map->bytes();
    return copy.size() > 0 ? std::span<const std::byte>(copy.data(), copy.size()) : borrowed;
  }
  void load(BlobCheck check);
};

void WeightBlob::Content::load(BlobCheck check) {
  const BlobHeader header = parse_blob_header(bytes(), name);
  sha256 = header_digest(header, name);
  if (check == BlobCheck::kHashes) check_digest(required(header, "header_sha256", name), sha256, "header", name);
  config = parse_model_config(required(header, "config", name), required(header, "preprocessing", name), name);
  check_entries(header.entries, tensor_specs(config), name);
  const std::string& payload_sha256 = required(header, "payload_sha256", name);
  if (check == BlobCheck::kHashes) check_digest(payload_sha256, sha256_hex(header.payload), "payload", name);

  metadata.model = required(header, "model", name);
  metadata.source = required(header, "source", name);
  metadata.licence = required(header, "licence", name);
  metadata.notes = optional_text(header, "notes");
  names.reserve(header.entries.size());
  for (const BlobEntry& entry : header.entries) {
    names.push_back(entry.name);
    tensors[names.back()] = {header.payload.data() + entry.begin, entry.dtype, entry.shape};
  }
  const TensorView text = tensors.at(kMergesName);
  merges = {static_cast<const char*>(text.data), text.bytes()};
  check_merges(merges, config.text.vocabulary, name);
}

WeightBlob::WeightBlob(const std::filesystem::path& path, BlobCheck check) {
  auto content = std::make_unique<Content>();
  content->name = path.string();
  content->map.emplace(path);
  content->load(check);
  // Hashing has read the whole file; what a caller needs comes back by itself.
  content->map->release(content->map->bytes());
  content_ = std::move(content);
}

WeightBlob::WeightBlob(std::span<const std::byte> bytes, const std::string& name, BlobCheck check, BlobBytes keep) {
  auto content = std::make_unique<Content>();
  content->name = name;
  if (keep == BlobBytes::kBorrowed) {
    SCLIP_CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % kBlobAlignment == 0, kInvalidArgument, name,
                ": borrowed bytes must begin on a multiple of ", kBlobAlignment, "; align them, or let them be copied");
    content->borrowed = bytes;
  } else if (!bytes.empty()) {
    content->copy.resize_discard(bytes.size());
    std::memcpy(content->copy.data(), bytes.data(), bytes.size());
  }
  content->load(check);
  content_ = std::move(content);
}

WeightBlob::~WeightBlob() = default;
WeightBlob::WeightBlob(WeightBlob&&) noexcept = default;
WeightBlob& WeightBlob::operator=(WeightBlob&&) noexcept = default;

TensorView WeightBlob::tensor(std::string_view name) const {
  const auto found = content_->tensors.find(name);
  SCLIP_CHECK(found != content_->tensors.end(), kNotFound, content_->name, " has no tensor ", name);
  return found->second;
}

void WeightBlob::release(std::string_view name) const {
  if (!content_->map) return;
  const TensorView view = tensor(name);
  content_->map->release({static_cast<const std::byte*>(view.data), view.bytes()});
}

const std::vector<std::string>& WeightBlob::names() const {
  return content_->names;
}
const ModelConfig& WeightBlob::config() const {
  return content_->config;
}
const BlobMetadata& WeightBlob::metadata() const {
  return content_->metadata;
}
std::string_view WeightBlob::merges() const {
  return content_->merges;
}
const std::string& WeightBlob::sha256() const {
  return content_->sha256;
}
const std::string& WeightBlob::name() const {
  return content_->name;
}
size_t WeightBlob::file_bytes() const {
  return content_->bytes().size();
}

}  // namespace sclip
