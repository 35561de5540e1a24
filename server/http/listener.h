// Listener: the door. Takes connections, reads requests, writes answers; what an answer is, others know.
//
// A connection has a thread, up to ServeOptions::connections of them; who comes then is told so with 503. httplib
// parses and writes; time, size and TLS are connection.h's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/http/message.h"
#include "server/serve_options.h"

namespace sclip {

class Listener {
 public:
  // Reads the body into request.body, once: at most `limit` bytes, decompressed; HttpError beyond.
  using ReadBody = std::function<void(int64_t limit)>;

  struct Handlers {
    // On the connection's thread. What it throws becomes an answer.
    std::function<HttpResponse(HttpRequest&, const ReadBody&)> answer;
    // Behind the answer: how long it took from the header on, and whether the client has it.
    std::function<void(const HttpRequest&, const HttpResponse&, double seconds, bool delivered)> answered;
    std::function<void()> slow_client;
    std::function<void()> refused;  // a connection
    std::function<MemoryLease()> lease;
  };

  // `options` outlives the object. Throws what a TLS certificate throws.
  Listener(const ServeOptions& options, Handlers handlers);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The port. Throws kIo where it cannot be had.
  int bind();
  // Until `stop`, and until all that was accepted is answered.
  void run();
  // From any other thread: no further connections; open ones end with the request that they are at. Returns when `run`
  // does.
  void stop();
  int connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sclip
