// Files that are read: maps, and whole reads. core/atomic_file.h writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
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

// Throws kNotFound or kIo, naming the path and the system's reason: anything but a regular file is refused at once.
std::vector<std::byte> read_file(const std::filesystem::path& path);
std::string read_text_file(const std::filesystem::path& path);
// To its end. Throws kUnsupported beyond `most` bytes, kIo.
std::vector<std::byte> read_standard_input(size_t most);

}  // namespace sclip
