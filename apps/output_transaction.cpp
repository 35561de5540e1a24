#include "apps/output_transaction.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "apps/interrupts.h"
#include "core/error.h"
#include "io/npy.h"

namespace sclip {
namespace {

[[noreturn]] void fail_to_write(const std::filesystem::path& path, int error) {
  fail(ErrorCode::kIo, "cannot write ", path.string(), ": ", std::strerror(error));
}

}  // namespace

OutputTransaction::~OutputTransaction() {
  for (File& file : files_) {
    unmap(file);
    ::unlink(file.temporary.c_str());
    forget_temporary_file(file.temporary);
  }
}

OutputTransaction::File& OutputTransaction::stage(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  const std::string suffix = ".part." + std::to_string(::getpid()) + "." + std::to_string(counter++);
  files_.push_back({path, path.string() + suffix});
  register_temporary_file(files_.back().temporary);
  return files_.back();
}

void OutputTransaction::add(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  const Interrupts::Section section;
  const File& file = stage(path);
  const int fd = ::open(file.temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) fail_to_write(path, errno);
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(n));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  // Some file systems tell of a full disk only here.
  if (error == 0 && ::fsync(fd) != 0 && errno != EINVAL && errno != EROFS) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error != 0) fail_to_write(path, error);
}

void OutputTransaction::add(const std::filesystem::path& path, std::string_view text) {
  add(path, std::as_bytes(std::span(text)));
}

float* OutputTransaction::add_npy(const std::filesystem::path& path, const Shape& shape) {
  const Interrupts::Section section;
  File& file = stage(path);
  // The empty array first, its space claimed: a full disk is an error here and would be a SIGBUS in the map.
  NpyWriter(file.temporary, DType::kF32, shape).commit();
  const int fd = ::open(file.temporary.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) fail_to_write(path, errno);
  const off_t size = ::lseek(fd, 0, SEEK_END);
  void* p = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const int error = errno;
  ::close(fd);
  if (p == MAP_FAILED) fail_to_write(path, error);
  file.map = p;
  file.map_size = static_cast<size_t>(size);
  const size_t elements = static_cast<size_t>(shape.count()) * sizeof(float);
  return reinterpret_cast<float*>(static_cast<std::byte*>(p) + (file.map_size - elements));
}

void OutputTransaction::commit() {
  for (File& file : files_) {
    if (file.map != nullptr && ::msync(file.map, file.map_size, MS_SYNC) != 0) fail_to_write(file.path, errno);
    unmap(file);
  }
  const Interrupts::Section section;
  if (!files_.empty() && ::unlink(files_.back().path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR) {
    fail_to_write(files_.back().path, errno);
  }
  for (const File& file : files_) {
    if (::rename(file.temporary.c_str(), file.path.c_str()) != 0) fail_to_write(file.path, errno);
    forget_temporary_file(file.temporary);
  }
  files_.clear();
}

void OutputTransaction::unmap(File& file) {
  if (file.map != nullptr) ::munmap(file.map, file.map_size);
  file.map = nullptr;
}

void make_output_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(ErrorCode::kIo, "cannot create the folder ", folder.string(), ": ", error.message());
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    fail(ErrorCode::kIo, "cannot write into the folder ", folder.string(), ": ", std::strerror(errno));
  }
}

}  // namespace sclip
