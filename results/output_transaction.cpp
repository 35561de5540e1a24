#include "results/output_transaction.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "core/npy.h"
#include "sclip/error.h"

namespace sclip {

namespace fs = std::filesystem;

OutputTransaction::~OutputTransaction() {
  files_.clear();  // those in the folders first
  const temporary_files::Lock lock(temporary_files::mutex());
  for (const fs::path& folder : folders_) {
    ::rmdir(folder.c_str());
    temporary_files::forget(folder);
  }
}

AtomicFile& OutputTransaction::stage(const fs::path& path) {
  AtomicFile& file = files_.emplace_back(path);
  paths_.push_back(path);
  return file;
}

void OutputTransaction::add(const fs::path& path, std::span<const std::byte> bytes) {
  AtomicFile& file = stage(path);
  file.write(bytes);
  file.finish();
}

void OutputTransaction::add(const fs::path& path, std::string_view text) {
  add(path, std::as_bytes(std::span(text)));
}

std::span<float> OutputTransaction::add_npy(const fs::path& path, const Shape& shape) {
  std::byte* elements = map_npy(stage(path), DType::kF32, shape);
  return {reinterpret_cast<float*>(elements), static_cast<size_t>(shape.count())};
}

void OutputTransaction::add_folder(const fs::path& path) {
  const temporary_files::Lock lock(temporary_files::mutex());
  std::error_code error;
  if (fs::create_directory(path, error)) {
    folders_.push_back(path);
    temporary_files::remember(path);
  } else if (!fs::is_directory(path)) {
    fail(ErrorCode::kIo, "cannot create the folder ", path.string(), ": ",
         error ? error.message() : "a file has its name");
  }
}

void OutputTransaction::commit() {
  for (AtomicFile& file : files_) file.finish();
  const temporary_files::Lock lock(temporary_files::mutex());
  for (const fs::path& path : retired_) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
      fail(ErrorCode::kIo, "cannot replace ", path.string(), ": ", std::strerror(errno));
    }
  }
  for (AtomicFile& file : files_) file.rename(lock);
  for (const fs::path& folder : folders_) temporary_files::forget(folder);
  folders_.clear();
}

void make_output_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(ErrorCode::kIo, "cannot create the folder ", folder.string(), ": ", error.message());
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    fail(ErrorCode::kIo, "cannot write into the folder ", folder.string(), ": ", std::strerror(errno));
  }
}

}  // namespace sclip
