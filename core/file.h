// Files: read-only maps, whole reads, and writes that appear whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sclip {

// A read-only memory map of a whole file. Move-only; the bytes live as long as the object.
class MappedFile {
 public:
  // Throws kNotFound or kIo, naming the path and the system's reason; an empty file maps to an empty span.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // The pages of `part` need not stay in memory: they are read from the file again when touched.
  void release(std::span<const std::byte> part) const;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Throws kNotFound or kIo, naming the path and the system's reason.
std::vector<std::byte> read_file(const std::filesystem::path& path);
std::string read_text_file(const std::filesystem::path& path);

// Writes to a temporary name in the same folder, flushes to disk, then renames over `path`:
// a reader sees the old file or the whole new one. On any error the temporary file is removed
// and kIo is thrown with the path and the system's reason. Safe against concurrent writers.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace sclip
