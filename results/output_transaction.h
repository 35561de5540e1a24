// OutputTransaction: several files that appear together, once all of them are safely on disk.
//
// Each file is an AtomicFile; `commit` renames them in the order in which they were added. Without a commit nothing
// of them stays. After a crash between two renames the last ones are missing, so that a file which vouches for the
// others is to be added last, and an older one of its kind to be retired.
#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "core/atomic_file.h"
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
  // A .npy file of f32 to be filled in place until the commit; the disk space is claimed here.
  std::span<float> add_npy(const std::filesystem::path& path, const Shape& shape);
  // A folder for files to come; made here if it is not there.
  void add_folder(const std::filesystem::path& path);
  // A file that the commit removes, if it is there, before it renames the first.
  void retire(const std::filesystem::path& path) { retired_.push_back(path); }

  const std::vector<std::filesystem::path>& files() const { return paths_; }  // in order

  // Once, and last.
  void commit();

 private:
  AtomicFile& stage(const std::filesystem::path& path);

  std::vector<std::filesystem::path> paths_;
  std::deque<AtomicFile> files_;
  std::vector<std::filesystem::path> folders_;  // made here
  std::vector<std::filesystem::path> retired_;
};

// Creates the folder and those above it, and checks that files can be made in it. Throws kIo.
void make_output_folder(const std::filesystem::path& folder);

}  // namespace sclip
