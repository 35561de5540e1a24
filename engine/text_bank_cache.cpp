#include "engine/text_bank_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <system_error>

#include "core/atomic_file.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/temporary_files.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// File: magic, key (64 hex digits), rows, cols (i64 little endian), embeddings (f32), SHA-256 (64 hex digits) of all
// before.
constexpr std::string_view kMagic = "SCLIPTB1";
constexpr size_t kHexDigits = 64;
constexpr size_t kHeaderBytes = kMagic.size() + kHexDigits + 2 * sizeof(int64_t);

}  // namespace

std::string distrusted_folder(const std::filesystem::path& folder) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) return "";
  std::string why;
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    why = str("belongs to another user (", info.st_uid, ")");
  } else if ((info.st_mode & S_IWOTH) != 0) {
    why = "may be written to by everybody";
  }
  if (why.empty()) return "";
  return str("the cache folder ", folder.string(), " ", why, " and is not used; choose another one");
}

TextBankCache::TextBankCache(std::filesystem::path folder, std::string key)
    : path_(std::move(folder) / ("text_bank_" + key.substr(0, 32) + ".bin")), key_(std::move(key)) {}

TextBankCache::Lookup TextBankCache::load(int64_t rows, int64_t cols) const {
  std::vector<std::byte> file;
  try {
    std::error_code ignored;
    if (!std::filesystem::exists(path_, ignored)) return {};
    file = read_file(path_);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kNotFound) return {};
    return {.embeddings = std::nullopt, .damage = e.what()};
  }
  const auto refuse = [&](const std::string& why) {
    return Lookup{.embeddings = std::nullopt, .damage = str("the text bank cache ", path_.string(), " ", why)};
  };
  const size_t payload = static_cast<size_t>(rows * cols) * sizeof(float);
  if (file.size() != kHeaderBytes + payload + kHexDigits) {
    return refuse(str("has ", file.size(), " bytes instead of ", kHeaderBytes + payload + kHexDigits));
  }
  const auto text = [&](size_t at, size_t size) {
    return std::string_view(reinterpret_cast<const char*>(file.data()) + at, size);
  };
  if (text(0, kMagic.size()) != kMagic || text(kMagic.size(), kHexDigits) != key_) return refuse("is of another key");
  int64_t shape[2];
  std::memcpy(shape, file.data() + kMagic.size() + kHexDigits, sizeof(shape));
  if (shape[0] != rows || shape[1] != cols) return refuse("has another shape");
  if (sha256_hex(std::span(file).first(kHeaderBytes + payload)) != text(kHeaderBytes + payload, kHexDigits)) {
    return refuse("does not match its checksum");
  }
  AlignedBuffer<float> embeddings(static_cast<size_t>(rows * cols));
  std::memcpy(embeddings.data(), file.data() + kHeaderBytes, payload);
  return {.embeddings = std::move(embeddings), .damage = ""};
}

void TextBankCache::store(const float* embeddings, int64_t rows, int64_t cols) const {
  std::error_code error;
  std::filesystem::create_directories(path_.parent_path(), error);
  temporary_files::remove_stale(path_.parent_path());
  SCLIP_CHECK(!error, kIo, "cannot create the cache folder ", path_.parent_path().string(), ": ", error.message());
  const size_t payload = static_cast<size_t>(rows * cols) * sizeof(float);
  std::string file(kMagic);
  file += key_;
  const int64_t shape[2] = {rows, cols};
  file.append(reinterpret_cast<const char*>(shape), sizeof(shape));
  file.append(reinterpret_cast<const char*>(embeddings), payload);
  file += sha256_hex(std::as_bytes(std::span(file)));
  write_file_atomically(path_, file);
}

}  // namespace sclip
