// Connection: a client's socket with limits of time that hold however slowly its bytes come or go.
//
// A header has a time for all of it. A body and an answer have a time, and more for each byte that moved: who keeps the
// least rate may take as long as it needs, and who sends a byte now and then may not.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "server/http/tls.h"
#include "server/serve_options.h"

namespace sclip {

class Connection {
 public:
  // Takes the socket. `tls` may be null, and outlives the object.
  Connection(int socket, const ServeOptions& options, const TlsContext* tls);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The handshake, where there is TLS. False: the client is gone or too slow.
  bool accept();
  // Until a request begins to come; false when none does within `patience`, or once `stop` is true.
  bool wait_for_request(std::chrono::milliseconds patience, const std::atomic<bool>& stop);

  enum class Phase : uint8_t { kHeader, kBody, kAnswer };
  void begin(Phase phase);

  // What httplib's Stream wants: bytes moved, or −1 when the client is gone or too slow.
  int64_t read(char* to, size_t size);
  int64_t write(const char* from, size_t size);

  bool gone() const;  // the client has closed its side: nobody waits for the answer
  bool was_slow() const { return slow_; }
  int socket() const { return socket_; }
  const std::string& peer() const { return peer_; }
  int peer_port() const { return peer_port_; }
  // Where a part of a request was not read: what the client still sends is dropped for a while, so that it sees the
  // answer and no broken connection.
  void close_politely(bool unread);

 private:
  std::chrono::steady_clock::time_point deadline() const;
  bool wait(short events);  // within the phase's time
  IoStep receive(char* to, size_t size, size_t& got);
  IoStep send(const char* from, size_t size, size_t& put);

  const int socket_;
  const ServeOptions& options_;
  std::unique_ptr<TlsSession> tls_;
  std::string peer_;
  int peer_port_ = 0;
  Phase phase_ = Phase::kHeader;
  std::chrono::steady_clock::time_point begun_{};
  int64_t moved_ = 0;  // bytes, since the phase began
  bool slow_ = false;
  std::array<char, 16384> buffer_;
  size_t at_ = 0, end_ = 0;  // of what was received and not read
};

}  // namespace sclip
