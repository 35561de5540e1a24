// AtomicFile: a file that appears under its name whole, or not at all.
//
// It is written under a temporary name in the same folder, flushed to disk, then renamed: a reader sees the old file
// or the whole new one. Safe against concurrent writers of the same name. Every method throws kIo with the path and
// the system's reason: a full disk, a folder without permission.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "core/temporary_files.h"

namespace sclip {

class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();  // without a rename: removes the temporary file
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& path() const { return path_; }

  void write(std::span<const std::byte> bytes);  // at the end of what `write` wrote so far
  void reserve(uint64_t bytes);  // the final size, filled with zeros: a full disk is reported now, not hours later
  // All bytes of a file that was reserved, to be filled in place until `finish`. Once.
  std::span<std::byte> map();

  void commit();  // finish, then rename

  // For several files that appear together: first all are finished, then all renamed, the mutex of temporary_files
  // held.
  void finish();  // all bytes are on disk, and nothing can be written any more; a second call does nothing
  void rename(const temporary_files::Lock&);

 private:
  [[noreturn]] void give_up(int error) const;
  void unmap() noexcept;

  std::filesystem::path path_;
  std::filesystem::path temporary_;  // empty once renamed
  int fd_ = -1;
  uint64_t end_ = 0;
  uint64_t reserved_ = 0;
  std::span<std::byte> map_;
};

// A small file in one go.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace sclip
