#include "server/http/listener.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/stopwatch.h"
#include "sclip/error.h"
#include "server/http/connection.h"
#include "server/http/http_error.h"

namespace sclip {
namespace {

// While the door closes: what one who was let in may take to ask, and how long others may go on being let in.
constexpr std::chrono::milliseconds kLastRequest{500}, kLastToCome{2000};

std::string full_house() {
  const HttpResponse response =
      error_response(503, "too_many_connections", "all connections are taken: try again (--connections)", "");
  return str(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n",
      "Content-Length: ", response.body.size(), "\r\n\r\n", response.body);
}

// A thread for each connection, kept for the next one; beyond `most`, the task runs at once on the accepting thread
// with `refusing` set.
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  ConnectionThreads(size_t most, std::atomic<int>& busy) : most_(most), busy_(busy) {}
  ~ConnectionThreads() override { shutdown(); }

  static bool refusing() { return refusing_; }

  // Newer versions of httplib return whether the task was taken.
  using Taken = decltype(std::declval<httplib::TaskQueue&>().enqueue(std::function<void()>()));
  Taken enqueue(std::function<void()> task) override {
    take(std::move(task));
    return static_cast<Taken>(true);
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void take(std::function<void()> task) {
    {
      std::unique_lock lock(mutex_);
      if (taken_ < most_) {
        ++taken_;
        tasks_.push_back(std::move(task));
        if (has_thread()) return;
        tasks_.pop_back();
        --taken_;
      }
    }
    refusing_ = true;
    task();
    refusing_ = false;
  }

  // For the latest task, under the mutex. Where the system gives no further thread, those that there are take it later.
  bool has_thread() {
    if (threads_.size() >= taken_) {
      wake_.notify_one();
      return true;
    }
    try {
      threads_.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {
      return !threads_.empty();
    }
    return true;
  }

  void serve() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      ++busy_;
      task();
      --busy_;
      const std::lock_guard lock(mutex_);
      --taken_;
    }
  }

  static thread_local bool refusing_;
  const size_t most_;
  std::atomic<int>& busy_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  size_t taken_ = 0;  // tasks that run or wait
  bool stopping_ = false;
};

thread_local bool ConnectionThreads::refusing_ = false;

// httplib's view of a connection. Which of these are virtual depends on its version.
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winconsistent-missing-override"
#endif
class ConnectionStream final : public httplib::Stream {
 public:
  explicit ConnectionStream(Connection& connection) : connection_(connection) {}
  bool is_readable() const { return true; }
  bool is_writable() const { return true; }
  bool wait_readable() const { return true; }
  bool wait_writable() const { return true; }
  ssize_t read(char* to, size_t size) override { return connection_.read(to, size); }
  ssize_t write(const char* from, size_t size) override { return connection_.write(from, size); }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = connection_.peer();
    port = connection_.peer_port();
  }
  void get_local_ip_and_port(std::string& ip, int& port) const {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return connection_.socket(); }
  time_t duration() const { return 0; }

 private:
  Connection& connection_;
};
#ifdef __clang__
#pragma clang diagnostic pop
#endif

// Of the request that this thread is at.
struct Current {
  Connection* connection = nullptr;
  HttpRequest request;
  std::optional<HttpResponse> response;  // once there is one
  std::exception_ptr wrong;              // with its header
  bool has_body = false, body_read = false;
  bool close = false;  // behind the answer
  Stopwatch watch;
};
thread_local Current* current = nullptr;

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

struct Listener::State final : httplib::Server {
  State(const ServeOptions& o, Listener::Handlers h) : options(o), handlers(std::move(h)) {
    if (!options.tls_certificate.empty()) tls.emplace(options.tls_certificate, options.tls_key);
    new_task_queue = [this] { return new ConnectionThreads(static_cast<size_t>(options.connections), busy); };
    const auto plain = [this](const httplib::Request&, httplib::Response& to) { handle(to, nullptr); };
    const auto with_body = [this](const httplib::Request&, httplib::Response& to, const httplib::ContentReader& body) {
      handle(to, &body);
    };
    // All paths are "/" to httplib, which compares them by regular expressions.
    Get("/", plain);
    Options("/", plain);
    Post("/", with_body);
    Put("/", with_body);
    Patch("/", with_body);
    Delete("/", with_body);
    // Of methods that have no handler, and of what httplib itself refuses.
    set_error_handler([this](const httplib::Request& from, httplib::Response& to) {
      if (current == nullptr || current->response) return;
      current->close = true;
      deliver(refusal(to.status, from.method), to);
    });
    set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    set_tcp_nodelay(true);
    set_keep_alive_max_count(1'000'000);  // they are told so; nobody counts
    set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(options.keep_alive).count());
    set_payload_max_length(std::numeric_limits<size_t>::max());  // the reader of a body counts
  }

  HttpResponse refusal(int status, const std::string& method) const {
    const std::string& id = current->request.trace.id;
    if (status == 414) return error_response(414, "path_too_long", "the request's path and query are too long", id);
    if (status == 416) return error_response(416, "bad_range", "the Range of this request cannot be read", id);
    if (status == 400 && is_other_method(method)) {
      HttpResponse response = error_response(405, "method_not_allowed", "this method is not served", id);
      response.headers.emplace_back("Allow", "GET, POST, DELETE");
      return response;
    }
    return error_response(status, "bad_request", "the request is not HTTP/1.1 as this service reads it", id);
  }
  static bool is_other_method(std::string_view method) {
    if (method.empty() || method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != std::string_view::npos)
      return false;
    for (const std::string_view served : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
      if (method == served) return false;
    }
    return true;
  }

  // Behind the request's header, before httplib looks for who answers.
  void begin(httplib::Request& from) {
    HttpRequest& request = current->request;
    request.method = from.method == "HEAD" ? "GET" : from.method;
    request.path = from.path;
    request.query = {from.params.begin(), from.params.end()};
    for (const auto& [name, value] : from.headers) {
      if (name != "REMOTE_ADDR" && name != "REMOTE_PORT" && name != "LOCAL_ADDR" && name != "LOCAL_PORT") {
        request.headers.emplace(name, value);
      }
    }
    request.peer = current->connection->peer();
    request.trace = make_trace(request.header("X-Request-Id"), request.header("traceparent"));
    request.peer_gone = [connection = current->connection] { return connection->gone(); };
    from.path = "/";
    from.ranges.clear();
    // Of what httplib can compress with, gzip alone is fast enough for an answer that somebody waits for.
    const bool gzip = request.header("Accept-Encoding").find("gzip") != std::string::npos;
    from.headers.erase("Accept-Encoding");
    if (gzip) from.headers.emplace("Accept-Encoding", "gzip");
    // httplib would take a form apart by itself.
    if (from.headers.erase("Content-Type") > 0) from.headers.emplace("Content-Type", "application/octet-stream");
    try {
      check_framing(request);
    } catch (...) {
      current->wrong = std::current_exception();
      current->close = true;
    }
  }

  // How long the body is must be said once, and clearly: what is read as two requests here and as one elsewhere is an
  // attack.
  static void check_framing(const HttpRequest& request) {
    const auto bad = [](const std::string& why) { throw HttpError(400, "bad_request", why); };
    const auto lengths = request.headers.count("Content-Length"), codings = request.headers.count("Transfer-Encoding");
    if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0)) {
      bad("the length of the body is said more than once (Content-Length, Transfer-Encoding)");
    }
    if (lengths > 0 && !is_number(request.header("Content-Length"))) bad("Content-Length is not a number");
    if (codings > 0 && !same_name(request.header("Transfer-Encoding"), "chunked")) {
      bad("the only Transfer-Encoding read here is chunked");
    }
    current->has_body = codings > 0 || (lengths > 0 && request.header("Content-Length") != "0");
    const std::string coding = request.header("Content-Encoding");
    if (!coding.empty() && !same_name(coding, "identity") && !same_name(coding, "gzip") &&
        !same_name(coding, "deflate")) {
      throw HttpError(415, "unsupported_encoding", "a body may be gzip, deflate or identity (Content-Encoding)");
    }
  }

  void read_body(const httplib::ContentReader* reader, int64_t limit) {
    if (!current->has_body || current->body_read) return;
    HttpRequest& request = current->request;
    const auto too_large = [&] {
      throw HttpError(413, "too_large", str("a body may have ", limit, " bytes (--max-body-mb)"));
    };
    // Memory is counted as bytes come, and not as they are announced.
    if (const std::string length = request.header("Content-Length");
        !length.empty() && request.header("Content-Encoding").empty() && std::stoll(length) > limit) {
      too_large();
    }
    current->connection->begin(Connection::Phase::kBody);
    std::exception_ptr error;
    bool whole = false;
    if (reader != nullptr) {
      whole = (*reader)([&](const char* data, size_t size) {
        try {
          if (static_cast<int64_t>(request.body.size() + size) > limit) too_large();
          request.memory.grow(static_cast<int64_t>(size));
          request.body.append(data, size);
          return true;
        } catch (...) {
          error = std::current_exception();
          return false;
        }
      });
    }
    if (error) std::rethrow_exception(error);
    if (!whole) {
      if (current->connection->was_slow()) {
        throw HttpError(408, "too_slow", "the body came too slowly, and the service waits no longer");
      }
      throw HttpError(400, "bad_body",
                      "the body ends before the length that it was said to have, or cannot be decoded");
    }
    current->body_read = true;
  }

  void handle(httplib::Response& to, const httplib::ContentReader* reader) {
    HttpResponse response;
    try {
      if (current->wrong) std::rethrow_exception(current->wrong);
      current->request.memory = handlers.lease();
      response = handlers.answer(current->request, [&](int64_t limit) { read_body(reader, limit); });
    } catch (...) {
      response = error_response(std::current_exception(), current->request.trace.id);
      if (current->request.path.starts_with("/v2")) flatten_error(response);
    }
    if ((current->has_body && !current->body_read) || stopping) current->close = true;
    deliver(std::move(response), to);
  }

  void deliver(HttpResponse response, httplib::Response& to) {
    to.status = response.status;
    to.body.clear();
    for (const auto& [name, value] : response.headers) to.set_header(name.c_str(), value);
    to.set_header("X-Request-Id", current->request.trace.id);
    if (current->close) to.set_header("Connection", "close");
    if (!response.type.empty()) to.set_header("Content-Type", response.type);
    response.notes.bytes = response.body.size();
    to.body = std::move(response.body);
    current->response = std::move(response);
  }

  // httplib lets five clients wait to be taken, and more of them try again only after a second.
  void let_many_wait() { ::listen(svr_sock_, SOMAXCONN); }

  // Whether the system has let a client in that httplib has not taken yet: closing the door would reset it.
  bool somebody_waits() const {
    pollfd door{svr_sock_, POLLIN, 0};
    return is_running() && ::poll(&door, 1, 0) > 0 && (door.revents & POLLIN) != 0;
  }

  // One request; false: none came whole.
  template <typename Server>
  bool process(Server& server, ConnectionStream& stream, bool& closed) {
    const auto setup = [this](httplib::Request& request) { begin(request); };
    if constexpr (requires { server.process_request(stream, false, closed, setup); }) {
      return server.process_request(stream, false, closed, setup);
    } else {  // httplib 0.16 and later
      return server.process_request(stream, current->connection->peer(), current->connection->peer_port(), "", 0, false,
                                    closed, setup);
    }
  }

  void serve(Connection& connection) {
    if (!connection.accept()) return;
    ConnectionStream stream(connection);
    bool first = true, unread = false;
    for (;;) {
      // Who was let in is heard, also while the door closes.
      const std::atomic<bool> never{false};
      if (!connection.wait_for_request(first ? options.header_timeout : options.keep_alive, stopping) &&
          !(first && stopping && connection.wait_for_request(kLastRequest, never))) {
        break;
      }
      first = false;
      Current now;
      now.connection = &connection;
      now.request.trace = make_trace("", "");
      current = &now;
      bool closed = false, delivered = false;
      try {
        delivered = process(*this, stream, closed);
      } catch (...) {
        closed = true;
      }
      current = nullptr;
      unread = now.has_body && !now.body_read;
      if (now.response) handlers.answered(now.request, *now.response, now.watch.lap(), delivered);
      if (!delivered || closed || now.close || stopping) break;
    }
    if (connection.was_slow()) handlers.slow_client();
    connection.close_politely(unread);
  }

  bool process_and_close_socket(socket_t socket) override {
    if (ConnectionThreads::refusing()) {
      handlers.refused();
      static const std::string kFull = full_house();
      if (!tls) ::send(socket, kFull.data(), kFull.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      ::shutdown(socket, SHUT_WR);
      ::close(socket);
      return false;
    }
    std::unique_ptr<Connection> connection;
    try {
      connection = std::make_unique<Connection>(socket, options, tls ? &*tls : nullptr);
    } catch (...) {  // no memory for a connection: the next one may have it
      ::close(socket);
      return false;
    }
    try {
      serve(*connection);
    } catch (...) {
      current = nullptr;
      return false;
    }
    return true;
  }

  const ServeOptions& options;
  Listener::Handlers handlers;
  std::optional<TlsContext> tls;
  std::atomic<bool> stopping{false}, ended{false};
  std::atomic<int> busy{0};
};

Listener::Listener(const ServeOptions& options, Handlers handlers)
    : state_(std::make_unique<State>(options, std::move(handlers))) {}
Listener::~Listener() = default;

int Listener::bind() {
  const ServeOptions& o = state_->options;
  errno = 0;
  int port = o.port;
  if (o.port == 0) {
    port = state_->bind_to_any_port(o.bind.c_str());
  } else if (!state_->bind_to_port(o.bind.c_str(), o.port)) {
    port = -1;
  }
  SCLIP_CHECK(port > 0, kIo, "cannot listen at ", o.bind, " port ", o.port, ": ", std::strerror(errno),
              " (--bind, --port; port 0 takes one that is free)");
  state_->let_many_wait();
  return port;
}

void Listener::run() {
  if (!state_->stopping) state_->listen_after_bind();
  state_->ended = true;
}

// httplib stops what runs; what is about to, it must be told again.
void Listener::stop() {
  state_->stopping = true;
  const auto longest = std::chrono::steady_clock::now() + kLastToCome;
  while (state_->somebody_waits() && std::chrono::steady_clock::now() < longest) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  while (!state_->ended) {
    state_->stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

int Listener::connections() const {
  return state_->busy;
}

}  // namespace sclip
