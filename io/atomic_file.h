// AtomicFile: a file written piece by piece that appears under its name whole, or not at all.
// For outputs too large to hold in memory; small ones use write_file_atomically.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace sclip {

class AtomicFile {
 public:
  // Opens a temporary file beside `path`. Every method throws kIo with the path and the system's reason.
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();  // without commit: removes the temporary file
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);                      // at the end of what `write` wrote so far
  void write_at(uint64_t offset, std::span<const std::byte> bytes);  // anywhere
  void reserve(uint64_t bytes);  // the file's final size: a full disk is reported now, not hours later
  void commit();                 // flushes to disk and renames

 private:
  [[noreturn]] void give_up();

  std::filesystem::path path_;
  std::string temporary_;
  int fd_ = -1;
  uint64_t end_ = 0;
};

}  // namespace sclip
