#include "server/http/tls.h"

#include "sclip/error.h"

#ifdef SCLIP_WITH_TLS

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace sclip {
namespace {

std::string last_error() {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

}  // namespace

bool has_tls() {
  return true;
}

TlsContext::TlsContext(const std::filesystem::path& certificate, const std::filesystem::path& key)
    : context_(SSL_CTX_new(TLS_server_method())) {
  SCLIP_CHECK(context_ != nullptr, kInternal, "OpenSSL does not start: ", last_error());
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_options(context_, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  std::string wrong;
  if (SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) != 1) {
    wrong = str("the TLS certificate ", certificate.string(), " cannot be used: ", last_error());
  } else if (SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(context_) != 1) {
    wrong = str("the TLS key ", key.string(), " cannot be used with the certificate ", certificate.string(), ": ",
                last_error());
  }
  if (!wrong.empty()) {
    SSL_CTX_free(context_);
    fail(ErrorCode::kInvalidArgument, wrong);
  }
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

TlsSession::TlsSession(const TlsContext& context, int socket) : session_(SSL_new(context.get())) {
  SCLIP_CHECK(session_ != nullptr && SSL_set_fd(session_, socket) == 1, kOutOfMemory, "no memory for a TLS session");
}

TlsSession::~TlsSession() {
  SSL_free(session_);
}

IoStep TlsSession::outcome(int result) const {
  const int error = SSL_get_error(session_, result);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_READ) return IoStep::kWantsRead;
  if (error == SSL_ERROR_WANT_WRITE) return IoStep::kWantsWrite;
  return IoStep::kClosed;
}

IoStep TlsSession::accept() {
  const int result = SSL_accept(session_);
  return result == 1 ? IoStep::kDone : outcome(result);
}

IoStep TlsSession::read(char* to, size_t size, size_t& got) {
  const int result = SSL_read_ex(session_, to, size, &got);
  return result == 1 ? IoStep::kDone : outcome(result);
}

IoStep TlsSession::write(const char* from, size_t size, size_t& put) {
  const int result = SSL_write_ex(session_, from, size, &put);
  return result == 1 ? IoStep::kDone : outcome(result);
}

bool TlsSession::pending() const {
  return SSL_pending(session_) > 0;
}

void TlsSession::close() {
  SSL_shutdown(session_);
  ERR_clear_error();
}

}  // namespace sclip

#else

namespace sclip {

bool has_tls() {
  return false;
}

TlsContext::TlsContext(const std::filesystem::path&, const std::filesystem::path&) {
  fail(ErrorCode::kUnsupported,
       "this build has no TLS: install libssl-dev and build again, or put a proxy that speaks it in front");
}
TlsContext::~TlsContext() = default;
TlsSession::TlsSession(const TlsContext&, int) {}
TlsSession::~TlsSession() = default;
IoStep TlsSession::outcome(int) const {
  return IoStep::kClosed;
}
IoStep TlsSession::accept() {
  return IoStep::kClosed;
}
IoStep TlsSession::read(char*, size_t, size_t&) {
  return IoStep::kClosed;
}
IoStep TlsSession::write(const char*, size_t, size_t&) {
  return IoStep::kClosed;
}
bool TlsSession::pending() const {
  return false;
}
void TlsSession::close() {}

}  // namespace sclip

#endif
