#include "server/http/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sclip {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kStopLook{100};  // between two looks at whether to stop
constexpr milliseconds kLinger{2000};
constexpr int64_t kMostHeader = 128 << 10;  // with what comes behind it in one piece
constexpr int64_t kMostDropped = int64_t{256} << 20;

int poll_for(int socket, short events, milliseconds time) {
  pollfd entry{socket, events, 0};
  return ::poll(&entry, 1, static_cast<int>(std::clamp<int64_t>(time.count(), 0, 3'600'000)));
}

milliseconds left_until(Clock::time_point time) {
  return std::chrono::ceil<milliseconds>(time - Clock::now());
}

}  // namespace

Connection::Connection(int socket, const ServeOptions& options, const TlsContext* tls)
    : socket_(socket), options_(options), buffer_() {
  ::fcntl(socket_, F_SETFL, ::fcntl(socket_, F_GETFL) | O_NONBLOCK);
  const int yes = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char text[INET6_ADDRSTRLEN] = "";
  if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    if (address.ss_family == AF_INET) {
      const auto& a = reinterpret_cast<const sockaddr_in&>(address);
      ::inet_ntop(AF_INET, &a.sin_addr, text, sizeof text);
      peer_port_ = ntohs(a.sin_port);
    } else if (address.ss_family == AF_INET6) {
      const auto& a = reinterpret_cast<const sockaddr_in6&>(address);
      ::inet_ntop(AF_INET6, &a.sin6_addr, text, sizeof text);
      peer_port_ = ntohs(a.sin6_port);
    }
  }
  peer_ = text;
  if (tls != nullptr) tls_ = std::make_unique<TlsSession>(*tls, socket_);
  begin(Phase::kHeader);
}

Connection::~Connection() {
  tls_.reset();
  ::close(socket_);
}

void Connection::begin(Phase phase) {
  phase_ = phase;
  begun_ = Clock::now();
  moved_ = 0;
}

Clock::time_point Connection::deadline() const {
  if (phase_ == Phase::kHeader) return begun_ + options_.header_timeout;
  return begun_ + options_.client_timeout + milliseconds(moved_ * 1000 / options_.min_rate);
}

bool Connection::wait(short events) {
  const milliseconds left = left_until(deadline());
  if (left.count() > 0) {
    const int ready = poll_for(socket_, events, left);
    if (ready > 0 || (ready < 0 && errno == EINTR)) return true;
  }
  slow_ = true;
  return false;
}

bool Connection::accept() {
  if (!tls_) return true;
  for (;;) {
    switch (tls_->accept()) {
      case IoStep::kDone: return true;
      case IoStep::kClosed: return false;
      case IoStep::kWantsRead:
        if (!wait(POLLIN)) return false;
        break;
      case IoStep::kWantsWrite:
        if (!wait(POLLOUT)) return false;
        break;
    }
  }
}

bool Connection::wait_for_request(milliseconds patience, const std::atomic<bool>& stop) {
  const auto end = Clock::now() + patience;
  while (at_ == end_ && !(tls_ && tls_->pending())) {
    const milliseconds left = left_until(end);
    if (left.count() <= 0 || stop) return false;
    if (poll_for(socket_, POLLIN, std::min(left, kStopLook)) > 0) break;
  }
  begin(Phase::kHeader);
  return true;
}

IoStep Connection::receive(char* to, size_t size, size_t& got) {
  if (tls_) return tls_->read(to, size, got);
  const ssize_t n = ::recv(socket_, to, size, 0);
  if (n > 0) {
    got = static_cast<size_t>(n);
    return IoStep::kDone;
  }
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? IoStep::kWantsRead : IoStep::kClosed;
}

IoStep Connection::send(const char* from, size_t size, size_t& put) {
  if (tls_) return tls_->write(from, size, put);
  const ssize_t n = ::send(socket_, from, size, MSG_NOSIGNAL);
  if (n >= 0) {
    put = static_cast<size_t>(n);
    return IoStep::kDone;
  }
  return errno == EAGAIN || errno == EINTR ? IoStep::kWantsWrite : IoStep::kClosed;
}

int64_t Connection::read(char* to, size_t size) {
  if (phase_ == Phase::kAnswer) begin(Phase::kBody);
  while (at_ == end_) {
    size_t got = 0;
    const IoStep step = receive(buffer_.data(), buffer_.size(), got);
    if (step == IoStep::kClosed) return -1;
    if (step == IoStep::kDone) {
      at_ = 0;
      end_ = got;
      moved_ += static_cast<int64_t>(got);
    } else if (!wait(step == IoStep::kWantsRead ? POLLIN : POLLOUT)) {
      return -1;
    }
    // Bytes that come without end are no reason to go on.
    if (phase_ == Phase::kHeader && moved_ > kMostHeader) return -1;
    if (Clock::now() > deadline()) {
      slow_ = true;
      return -1;
    }
  }
  const size_t n = std::min(size, end_ - at_);
  std::memcpy(to, buffer_.data() + at_, n);
  at_ += n;
  return static_cast<int64_t>(n);
}

int64_t Connection::write(const char* from, size_t size) {
  if (phase_ != Phase::kAnswer) begin(Phase::kAnswer);
  for (;;) {
    size_t put = 0;
    const IoStep step = send(from, size, put);
    if (step == IoStep::kClosed) return -1;
    if (step == IoStep::kDone) {
      moved_ += static_cast<int64_t>(put);
      return static_cast<int64_t>(put);
    }
    if (!wait(step == IoStep::kWantsRead ? POLLIN : POLLOUT)) return -1;
  }
}

bool Connection::gone() const {
  pollfd entry{socket_, POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

void Connection::close_politely(bool unread) {
  if (slow_) return;
  if (tls_) tls_->close();
  ::shutdown(socket_, SHUT_WR);
  if (!unread) return;
  const auto end = Clock::now() + kLinger;
  int64_t dropped = 0;
  while (dropped < kMostDropped) {
    const milliseconds left = left_until(end);
    if (left.count() <= 0 || poll_for(socket_, POLLIN, left) <= 0) return;
    const ssize_t n = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return;
    dropped += std::max<ssize_t>(n, 0);
  }
}

}  // namespace sclip
