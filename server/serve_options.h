// What a service is asked to be: where it listens, and its limits. `sclip serve` fills it from the command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "io/preview.h"

namespace sclip {

// Above this an overlay would be a preview, and an answer no longer what the command writes.
inline constexpr int64_t kMostServedPixels = kLargePhotoPixels;

struct ServeOptions {
  std::string bind = "127.0.0.1";
  int port = 8080;  // 0: one that is free

  // Computing.
  int sessions = 1;                // that compute side by side; each with the engine's threads
  double max_delay_ms = 2;         // that a photo waits for company, where company may come
  int64_t max_batch_windows = 16;  // of the photos of one call together

  // What one request may ask for.
  int64_t max_pixels = 33'554'432;     // of a photo; at most kMostServedPixels
  int64_t max_body_bytes = 64 << 20;   // decompressed
  int64_t max_answer_bytes = 1 << 28;  // of logits, the one answer that grows with the words
  int64_t max_queries = 1024;          // words
  int64_t max_windows = 512;           // of one photo, a larger one counted by its work
  std::chrono::milliseconds deadline{30'000};

  // What all requests may ask for together.
  int64_t queue_windows = 1024;               // that wait
  int64_t memory_bytes = int64_t{2} << 30;    // bodies, pictures and results of requests
  int64_t features_bytes = int64_t{1} << 28;  // kept for /v1/segment?features=
  int64_t banks_bytes = int64_t{1} << 28;     // kept text banks
  int64_t max_named_banks = 1000;
  int connections = 256;

  // Clients.
  std::chrono::milliseconds header_timeout{10'000};  // for all of a request's header
  std::chrono::milliseconds client_timeout{20'000};  // for a body or an answer, and a second more for each min_rate
  int64_t min_rate = 16 << 10;                       // bytes
  std::chrono::milliseconds keep_alive{60'000};      // between two requests of a connection
  std::chrono::milliseconds drain_delay{0};          // between "not ready" and a closed door, at SIGTERM

  std::filesystem::path token_file;                // of the bearer token; empty: everybody may ask
  std::filesystem::path tls_certificate, tls_key;  // PEM; empty: no TLS
};

}  // namespace sclip
