// sclip serve: the engine behind HTTP, for programs and people.
#include <CLI/CLI.hpp>
#include <chrono>
#include <string>

#include "apps/run_options.h"
#include "apps/run_service.h"
#include "apps/subcommands.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr int64_t kMegabyte = 1 << 20;

// As the command line has them, in the units of people.
struct ServeCommand {
  ModelFlags model;
  ServeOptions serve;
  int64_t max_body_mb = serve.max_body_bytes / kMegabyte;
  int64_t max_answer_mb = serve.max_answer_bytes / kMegabyte;
  int64_t memory_limit = serve.memory_bytes / kMegabyte;
  int64_t features_mb = serve.features_bytes / kMegabyte;
  int64_t banks_mb = serve.banks_bytes / kMegabyte;
  int64_t deadline_ms = serve.deadline.count();
  double header_timeout = 10, client_timeout = 20, keep_alive = 60;
  int64_t drain_delay_ms = serve.drain_delay.count();
  std::string token_file, tls_certificate, tls_key;
  bool quiet = false;

  ServeOptions options() const {
    SCLIP_CHECK(tls_certificate.empty() == tls_key.empty(), kInvalidArgument,
                "TLS needs both --tls-certificate and --tls-key");
    const auto seconds = [](double s) { return std::chrono::milliseconds(static_cast<int64_t>(s * 1000)); };
    ServeOptions o = serve;
    o.max_body_bytes = max_body_mb * kMegabyte;
    o.max_answer_bytes = max_answer_mb * kMegabyte;
    o.memory_bytes = memory_limit * kMegabyte;
    o.features_bytes = features_mb * kMegabyte;
    o.banks_bytes = banks_mb * kMegabyte;
    o.deadline = std::chrono::milliseconds(deadline_ms);
    o.header_timeout = seconds(header_timeout);
    o.client_timeout = seconds(client_timeout);
    o.keep_alive = seconds(keep_alive);
    o.drain_delay = std::chrono::milliseconds(drain_delay_ms);
    o.token_file = token_file;
    o.tls_certificate = tls_certificate;
    o.tls_key = tls_key;
    return o;
  }
};

void add_batching(CLI::App& app, ServeCommand& c) {
  app.add_option("--sessions", c.serve.sessions, "calls that compute side by side")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--max-delay-ms", c.serve.max_delay_ms,
                 "how long a photo waits for company, where other requests are on their way")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--max-batch-windows", c.serve.max_batch_windows,
                 "windows of several photos that are computed in one call; 1: each photo by itself")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--queue-windows", c.serve.queue_windows, "windows that may wait; beyond, requests get 429")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--deadline-ms", c.deadline_ms, "how long a request may take; beyond, it gets 504")
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
}

void add_limits(CLI::App& app, ServeCommand& c) {
  app.add_option("--max-pixels", c.serve.max_pixels, "of a photo")
      ->check(CLI::Range(int64_t{1}, kMostServedPixels))
      ->capture_default_str();
  app.add_option("--max-windows", c.serve.max_windows, "of a photo, large ones counted by their work")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--max-words", c.serve.max_queries, "of a request")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--max-body-mb", c.max_body_mb, "of a request's body")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--max-answer-mb", c.max_answer_mb, "of the logits of a photo")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--memory-limit", c.memory_limit,
                 "MB that all requests may hold together: bodies, pictures, results; beyond, requests get 503")
      ->check(CLI::Range(16, 1'048'576))
      ->capture_default_str();
  app.add_option("--features-mb", c.features_mb, "MB of photos kept for new words; the longest unused go")
      ->check(CLI::Range(1, 1'048'576))
      ->capture_default_str();
  app.add_option("--banks-mb", c.banks_mb, "MB of words' embeddings kept; the longest unused go")
      ->check(CLI::Range(1, 1'048'576))
      ->capture_default_str();
}

void add_clients(CLI::App& app, ServeCommand& c) {
  app.add_option("--connections", c.serve.connections, "open at once; beyond, they get 503")
      ->check(CLI::Range(1, 900))
      ->capture_default_str();
  app.add_option("--header-timeout", c.header_timeout, "seconds for the whole header of a request")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--client-timeout", c.client_timeout,
                 "seconds for a body or an answer, and one more for each 16 KiB of it")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--keep-alive", c.keep_alive, "seconds that a connection may be idle")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--drain-delay-ms", c.drain_delay_ms,
                 "at SIGTERM, between /readyz saying no and the door closing: time for a balancer to see it")
      ->check(CLI::Range(0, 600'000))
      ->capture_default_str();
  app.add_option("--token-file", c.token_file, "its first line is the bearer token that requests must carry");
  app.add_option("--tls-certificate", c.tls_certificate, "PEM file: HTTPS instead of HTTP");
  app.add_option("--tls-key", c.tls_key, "PEM file of the certificate's key");
}

}  // namespace

void add_serve(CLI::App& app, const ChooseSubcommand& choose) {
  auto command = std::make_shared<ServeCommand>();
  CLI::App* serve = app.add_subcommand("serve", "Answer requests over HTTP: masks, embeddings, a page for people");
  serve->add_option("--bind", command->serve.bind, "the address to listen at; 0.0.0.0: every one of this machine")
      ->capture_default_str();
  serve->add_option("--port", command->serve.port, "0: one that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  add_clients(*serve, *command);
  add_batching(*serve, *command);
  add_limits(*serve, *command);
  command->model.add_to(*serve);
  serve->add_flag("-q,--quiet", command->quiet, "no line of JSON on standard error for each request");
  serve->footer(
      "Examples:\n"
      "  sclip serve --model clip-vit-b16.sclip --port 8080\n"
      "  curl -F photo=@photo.jpg -F classes='sky; tree, trees' localhost:8080/v1/segment\n"
      "  sclip serve --bind 0.0.0.0 --token-file token --tls-certificate cert.pem --tls-key key.pem\n");
  serve->callback([command, choose] {
    choose([command] { return run_service(command->model, command->options(), command->quiet); });
  });
}

}  // namespace sclip
