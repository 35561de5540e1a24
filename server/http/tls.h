// TLS of the listening side, by OpenSSL where the build has it.
#pragma once

#include <filesystem>
#include <memory>

struct ssl_ctx_st;
struct ssl_st;

namespace sclip {

// Whether this build can.
bool has_tls();

class TlsContext {
 public:
  // Throws kUnsupported in a build without, and kInvalidArgument for files that are no certificate and its key.
  TlsContext(const std::filesystem::path& certificate, const std::filesystem::path& key);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  ssl_ctx_st* get() const { return context_; }

 private:
  ssl_ctx_st* context_ = nullptr;
};

// What became of a step that does not wait.
enum class IoStep { kDone, kWantsRead, kWantsWrite, kClosed };

// One connection's TLS over a socket that does not block.
class TlsSession {
 public:
  TlsSession(const TlsContext& context, int socket);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  IoStep accept();
  IoStep read(char* to, size_t size, size_t& got);
  IoStep write(const char* from, size_t size, size_t& put);
  bool pending() const;  // decrypted bytes are there
  void close();          // tells the client, without waiting

 private:
  IoStep outcome(int result) const;
  ssl_st* session_ = nullptr;
};

}  // namespace sclip
