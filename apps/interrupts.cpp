#include "apps/interrupts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "apps/console.h"
#include "core/temporary_files.h"
#include "sclip/error.h"

namespace sclip {
namespace {

// nohup and shells without job control ignore SIGINT for their children; that wish is kept.
bool ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

bool readable(int fd, int timeout_ms) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

}  // namespace

Interrupts::Interrupts(std::function<void()> last_words) : last_words_(std::move(last_words)) {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM}) {
    if (!ignored(signal)) sigaddset(&signals_, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &signals_, &previous_);
  signal_fd_ = ::signalfd(-1, &signals_, SFD_CLOEXEC);
  stop_fd_ = ::eventfd(0, EFD_CLOEXEC);
  SCLIP_CHECK(signal_fd_ >= 0 && stop_fd_ >= 0, kInternal, "cannot watch for signals");
  thread_ = std::thread([this] { wait(); });
}

Interrupts::~Interrupts() {
  const uint64_t one = 1;
  if (::write(stop_fd_, &one, sizeof one) == sizeof one) thread_.join();
  ::close(signal_fd_);
  ::close(stop_fd_);
  ::pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

void Interrupts::wait() {
  pollfd entries[2] = {{signal_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
  while (::poll(entries, 2, -1) < 0) {
  }
  if (entries[1].revents != 0) return;
  signalfd_siginfo first{};
  if (::read(signal_fd_, &first, sizeof first) != sizeof first) return;

  while (!temporary_files::mutex().try_lock()) {
    if (readable(signal_fd_, 20)) ::_exit(kExitInterrupted);
  }
  temporary_files::remove_all();
  last_words_();
  ::_exit(kExitInterrupted);
}

}  // namespace sclip
