#include "server/service.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/version.h"
#include "server/routes/router.h"

namespace sclip {

Service::Service(std::shared_ptr<const Engine> engine, const ServeOptions& options, int log_fd)
    : engine_(std::move(engine)),
      options_(options),
      log_(log_fd),
      token_(options.token_file),
      memory_(options.memory_bytes),
      watch_([this](bool at_deadline) { metrics_.cancelled(at_deadline ? "deadline" : "client"); }),
      hands_(std::clamp(engine_->thread_pool().threads(), 1, 1024)),
      banks_(engine_, options.banks_bytes, metrics_),
      named_banks_(options.max_named_banks),
      features_(options.features_bytes),
      batcher_(engine_, options_, metrics_),
      router_(std::make_unique<Router>(*this)),
      listener_(std::make_unique<Listener>(
          options_, Listener::Handlers{
                        .answer = [this](HttpRequest& request,
                                         const Listener::ReadBody& body) { return router_->answer(request, body); },
                        .answered = [this](const HttpRequest& request, const HttpResponse& response, double seconds,
                                           bool delivered) { log(request, response, seconds, delivered); },
                        .slow_client = [this] { metrics_.slow_client(); },
                        .refused = [this] { metrics_.refused("connections"); },
                        .lease = [this] { return MemoryLease(memory_); }})) {
  const DeviceFacts& device = engine_->device();
  metrics_.describe({{"version", version()},
                     {"device", device.name},
                     {"precision", std::string(to_string(device.precision))},
                     {"model", engine_->metadata().model}});
  watch_values();
}

Service::~Service() = default;

void Service::watch_values() {
  const auto watch = [this](const char* name, const char* help, auto value) {
    metrics_.watch(name, help, [value] { return static_cast<double>(value()); });
  };
  watch("sclip_ready", "1 while requests are computed, 0 while draining or after the device failed.",
        [this] { return ready(); });
  watch("sclip_connections", "Open connections.", [this] { return listener_->connections(); });
  watch("sclip_windows_let_in", "Windows of requests that were let in and are not computed yet.",
        [this] { return batcher_.places(); });
  watch("sclip_windows_waiting", "Of these, windows in the queue.", [this] { return batcher_.waiting(); });
  watch("sclip_request_memory_bytes", "What requests hold: bodies, pictures, results.",
        [this] { return memory_.used(); });
  watch("sclip_resident_memory_bytes", "Memory of this process.", [] { return resident_bytes(); });
  watch("sclip_banks", "Word lists whose embeddings are kept.", [this] { return banks_.banks(); });
  watch("sclip_banks_bytes", "What they take.", [this] { return banks_.bytes(); });
  watch("sclip_features", "Photos whose features are kept.", [this] { return features_.photos(); });
  watch("sclip_features_bytes", "What they take.", [this] { return features_.bytes(); });
  watch("sclip_features_dropped", "Photos whose features were dropped to make room.",
        [this] { return features_.dropped(); });
  watch("sclip_log_lines_lost", "Log lines that could not be written.", [this] { return log_.lost(); });
}

void Service::run() {
  const DeviceFacts& device = engine_->device();
  log_.line("info", "listening",
            {{"bind", options_.bind},
             {"version", version()},
             {"model", engine_->metadata().model},
             {"device", device.name},
             {"precision", to_string(device.precision)}});
  listener_->run();
  log_.line("info", "drained", nlohmann::ordered_json::object());
}

void Service::drain() {
  draining_ = true;
  log_.line("info", "draining", {{"connections", listener_->connections()}, {"windows", batcher_.places()}});
  std::this_thread::sleep_for(options_.drain_delay);
  listener_->stop();
}

bool Service::reads_ahead(const SegmentOptions& options) const {
  if (options.refine.kind != Refinement::kNone) return false;
  const std::lock_guard lock(policies_mutex_);
  return !read_alone_.contains(options.policy);
}

void Service::read_alone(const SegmentOptions& options) {
  constexpr size_t kMost = 1000;  // spellings
  const std::lock_guard lock(policies_mutex_);
  if (read_alone_.size() < kMost) read_alone_.insert(options.policy);
}

void Service::trim() {
  features_.clear();
  banks_.clear();
  batcher_.trim();
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

void Service::log(const HttpRequest& request, const HttpResponse& response, double seconds, bool delivered) {
  const int status = delivered || response.status == 499 ? response.status : 499;
  metrics_.request(router_->name_of(request), status, seconds);
  const auto ms = [](double s) { return std::round(s * 1e6) / 1e3; };
  nlohmann::ordered_json line = {{"request_id", request.trace.id}};
  if (!request.trace.trace_id.empty()) {
    line["trace_id"] = request.trace.trace_id;
    line["parent_id"] = request.trace.parent_id;
  }
  line.update({{"client", request.peer},
               {"method", request.method},
               {"path", request.path},
               {"status", status},
               {"ms", ms(seconds)},
               {"bytes_in", request.body.size()},
               {"bytes_out", response.notes.bytes}});
  const HttpResponse::Notes& notes = response.notes;
  if (!notes.code.empty()) line["code"] = notes.code;
  if (notes.windows > 0) {
    line.update({{"windows", notes.windows},
                 {"batch_windows", notes.batch_windows},
                 {"queue_ms", ms(notes.queue_seconds)},
                 {"compute_ms", ms(notes.compute_seconds)}});
  }
  log_.line(status >= 500 ? "error" : "info", "request", line);
}

}  // namespace sclip
