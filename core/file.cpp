#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sclip/error.h"

namespace sclip {
namespace {

std::string reason() {
  return std::strerror(errno);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void refuse_to_open(const std::filesystem::path& path) {
  fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "cannot open ", path.string(), ": ", reason());
}

void check_regular(const std::filesystem::path& path, const struct stat& info) {
  const char* kind = S_ISDIR(info.st_mode)    ? "it is a folder"
                     : S_ISFIFO(info.st_mode) ? "it is a pipe"
                     : S_ISSOCK(info.st_mode) ? "it is a socket"
                                              : "it is a device";
  SCLIP_CHECK(S_ISREG(info.st_mode), kIo, "cannot read ", path.string(), ": ", kind, ", not a regular file");
}

// Opening a pipe waits for a writer, and opening a device may do anything: the kind is asked for before, and once more
// of what was opened.
Descriptor open_for_reading(const std::filesystem::path& path, size_t& size) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) refuse_to_open(path);
  check_regular(path, info);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) refuse_to_open(path);
  Descriptor file(fd);
  SCLIP_CHECK(::fstat(fd, &info) == 0, kIo, "cannot read ", path.string(), ": ", reason());
  check_regular(path, info);
  size = static_cast<size_t>(info.st_size);
  return file;
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  Descriptor file = open_for_reading(path, size_);
  if (size_ == 0) return;
  void* p = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  SCLIP_CHECK(p != MAP_FAILED, kIo, "cannot map ", path.string(), " (", size_, " bytes): ", reason());
  data_ = static_cast<const std::byte*>(p);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

void MappedFile::release(std::span<const std::byte> part) const {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(part.data()) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(part.data() + part.size());
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // advice: may be refused
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  size_t size = 0;
  Descriptor file = open_for_reading(path, size);
  std::vector<std::byte> out(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(file.get(), out.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    SCLIP_CHECK(n >= 0, kIo, "cannot read ", path.string(), ": ", reason());
    SCLIP_CHECK(n > 0, kIo, "cannot read ", path.string(), ": it shrank while being read");
    done += static_cast<size_t>(n);
  }
  return out;
}

std::vector<std::byte> read_standard_input(size_t most) {
  std::vector<std::byte> out;
  for (;;) {
    constexpr size_t kStep = size_t{1} << 20;
    const size_t size = out.size();
    SCLIP_CHECK(size <= most, kUnsupported, "standard input has more than ", most, " bytes: give a file instead");
    out.resize(size + kStep);
    const ssize_t n = ::read(STDIN_FILENO, out.data() + size, kStep);
    out.resize(size + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && errno == EINTR) continue;
    SCLIP_CHECK(n >= 0, kIo, "cannot read standard input: ", reason());
    if (n == 0) return out;
  }
}

std::string read_text_file(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace sclip
