#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <fstream>

namespace sclip {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

const Buckets kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
const Buckets kCounts = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const char* name, const char* help,
                                 const Buckets& buckets) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
}

}  // namespace

Metrics::Metrics() : registry_(std::make_unique<prometheus::Registry>()) {
  prometheus::Registry& r = *registry_;
  const auto counters = [&](const char* name, const char* help) {
    return &prometheus::BuildCounter().Name(name).Help(help).Register(r);
  };
  const auto histograms = [&](const char* name, const char* help) {
    return &prometheus::BuildHistogram().Name(name).Help(help).Register(r);
  };
  requests_ = counters("sclip_requests_total", "Requests answered, by route and status; 499: the client was gone.");
  refused_ = counters("sclip_refused_total", "Requests refused because there were too many, by what was full.");
  cancelled_ = counters("sclip_cancelled_total", "Requests given up, by who gave up: the client, or the deadline.");
  for (const char* why : {"queue", "deadline", "memory", "connections"}) refused_->Add({{"why", why}});
  for (const char* why : {"client", "deadline"}) cancelled_->Add({{"why", why}});
  request_seconds_ = histograms("sclip_request_seconds", "From a request's header to its answer, by route.");
  stage_seconds_ = histograms("sclip_stage_seconds", "What a request's stages took.");
  for (const char* stage : {"decode", "text_bank", "encode", "merge", "write"}) {
    stage_seconds_->Add({{"stage", stage}}, kSeconds);
  }
  windows_ = &counter(r, "sclip_windows_total", "Windows computed.");
  slow_clients_ = &counter(r, "sclip_slow_clients_total", "Connections closed because the client was too slow.");
  bank_hits_ = &counter(r, "sclip_bank_hits_total", "Word lists whose embeddings were there.");
  bank_misses_ = &counter(r, "sclip_bank_misses_total", "Word lists whose embeddings were computed.");
  device_failures_ = &counter(r, "sclip_device_failures_total", "Times that the device failed.");
  queue_seconds_ = &histogram(r, "sclip_queue_seconds", "What requests waited in the queue.", kSeconds);
  batch_windows_ = &histogram(r, "sclip_batch_windows", "Windows computed in one call.", kCounts);
  batch_requests_ = &histogram(r, "sclip_batch_requests", "Requests answered by one call.", kCounts);
  batch_seconds_ = &histogram(r, "sclip_batch_seconds", "What a call took.", kSeconds);
}

Metrics::~Metrics() = default;

void Metrics::request(std::string_view route, int status, double seconds) {
  requests_->Add({{"route", std::string(route)}, {"status", std::to_string(status)}}).Increment();
  request_seconds_->Add({{"route", std::string(route)}}, kSeconds).Observe(seconds);
}

void Metrics::stage(std::string_view name, double seconds) {
  stage_seconds_->Add({{"stage", std::string(name)}}, kSeconds).Observe(seconds);
}

void Metrics::batch(int64_t requests, int64_t windows) {
  windows_->Increment(static_cast<double>(windows));
  batch_windows_->Observe(static_cast<double>(windows));
  batch_requests_->Observe(static_cast<double>(requests));
}

void Metrics::batch_took(double seconds) {
  batch_seconds_->Observe(seconds);
}

void Metrics::queued(double seconds) {
  queue_seconds_->Observe(seconds);
}

void Metrics::refused(std::string_view why) {
  refused_->Add({{"why", std::string(why)}}).Increment();
}

void Metrics::cancelled(std::string_view why) {
  cancelled_->Add({{"why", std::string(why)}}).Increment();
}

void Metrics::slow_client() {
  slow_clients_->Increment();
}

void Metrics::bank(bool hit) {
  (hit ? bank_hits_ : bank_misses_)->Increment();
}

void Metrics::device_failed() {
  device_failures_->Increment();
}

void Metrics::watch(const std::string& name, const std::string& help, std::function<double()> value) {
  auto& gauge = prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add({});
  const std::lock_guard lock(mutex_);
  watched_.push_back({&gauge, std::move(value)});
}

void Metrics::describe(const std::map<std::string, std::string>& labels) {
  prometheus::BuildGauge()
      .Name("sclip_info")
      .Help("What runs here: 1.")
      .Register(*registry_)
      .Add({labels.begin(), labels.end()})
      .Set(1);
}

std::string Metrics::text() {
  {
    const std::lock_guard lock(mutex_);
    for (const Watched& w : watched_) w.gauge->Set(w.value());
  }
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace sclip
