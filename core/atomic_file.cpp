#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sclip/error.h"

namespace sclip {

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  static std::atomic<unsigned> counter{0};
  const temporary_files::Lock lock(temporary_files::mutex());
  do {  // a process of another machine may have this one's number, and a shared folder
    temporary_ = path_.string() + temporary_files::suffix(counter++);
    fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) give_up(errno);
  temporary_files::remember(temporary_);
}

AtomicFile::~AtomicFile() {
  unmap();
  if (fd_ >= 0) ::close(fd_);
  if (temporary_.empty()) return;
  const temporary_files::Lock lock(temporary_files::mutex());
  ::unlink(temporary_.c_str());
  temporary_files::forget(temporary_);
}

void AtomicFile::give_up(int error) const {
  fail(ErrorCode::kIo, "cannot write ", path_.string(), ": ", std::strerror(error));
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(end_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) give_up(errno);
    end_ += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void AtomicFile::reserve(uint64_t bytes) {
  reserved_ = bytes;
  if (bytes == 0) return;
  int error = ::posix_fallocate(fd_, 0, static_cast<off_t>(bytes));
  if (error == EOPNOTSUPP || error == EINVAL) {  // a file system that cannot tell beforehand
    error = ::ftruncate(fd_, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  }
  if (error != 0) give_up(error);
}

std::span<std::byte> AtomicFile::map() {
  SCLIP_CHECK(reserved_ > 0 && map_.empty(), kInternal, "cannot map ", path_.string(), ": reserve its size first");
  void* p = ::mmap(nullptr, reserved_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (p == MAP_FAILED) give_up(errno);
  return map_ = {static_cast<std::byte*>(p), reserved_};
}

void AtomicFile::unmap() noexcept {
  if (!map_.empty()) ::munmap(map_.data(), map_.size());
  map_ = {};
}

void AtomicFile::finish() {
  if (fd_ < 0) return;
  if (!map_.empty() && ::msync(map_.data(), map_.size(), MS_SYNC) != 0) give_up(errno);
  unmap();
  // Some file systems tell of a full disk only here.
  if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS) give_up(errno);
  if (::close(std::exchange(fd_, -1)) != 0) give_up(errno);
}

void AtomicFile::rename(const temporary_files::Lock&) {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) give_up(errno);
  temporary_files::forget(temporary_);
  temporary_.clear();
}

void AtomicFile::commit() {
  finish();
  const temporary_files::Lock lock(temporary_files::mutex());
  rename(lock);
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace sclip
