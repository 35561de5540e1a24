// OutputTransaction: several files that appear together, once all of them are safely on disk.
//
// Each file is written under a temporary name beside its final one; `commit` renames them in order. Without a
// commit nothing of them stays. After a crash between two renames the last file is the one missing.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace sclip {

class OutputTransaction {
 public:
  OutputTransaction() = default;
  ~OutputTransaction();
  OutputTransaction(const OutputTransaction&) = delete;
  OutputTransaction& operator=(const OutputTransaction&) = delete;

  // Throws kIo, naming `path` and the system's reason: a full disk, a folder without permission.
  void add(const std::filesystem::path& path, std::span<const std::byte> bytes);
  void add(const std::filesystem::path& path, std::string_view text);
  // A .npy file of f32, mapped so that its elements can be filled in place; the disk space is claimed here.
  // The pointer is valid until the commit.
  float* add_npy(const std::filesystem::path& path, const Shape& shape);

  // Replaces all files. The last one added is removed first when there is an old one, so that it never
  // stands beside outputs that it does not describe.
  void commit();

 private:
  struct File {
    std::filesystem::path path;
    std::filesystem::path temporary;
    void* map = nullptr;
    size_t map_size = 0;
  };
  File& stage(const std::filesystem::path& path);
  static void unmap(File& file);

  std::vector<File> files_;
};

// Creates the folder and those above it, and checks that files can be made in it. Throws kIo.
void make_output_folder(const std::filesystem::path& folder);

}  // namespace sclip
