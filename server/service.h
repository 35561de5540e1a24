// Service: everything that routes share, and the way from a request to its answer.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <semaphore>
#include <set>
#include <string>

#include "server/bank_cache.h"
#include "server/batcher.h"
#include "server/feature_store.h"
#include "server/http/listener.h"
#include "server/http/request_log.h"
#include "server/http/token.h"
#include "server/memory_budget.h"
#include "server/metrics.h"
#include "server/request_watch.h"
#include "server/serve_options.h"

namespace sclip {

class Router;

class Service {
 public:
  // `log_fd`: where lines about requests go; -1: nowhere. Throws what a token and a certificate throw.
  Service(std::shared_ptr<const Engine> engine, const ServeOptions& options, int log_fd);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  int bind() { return listener_->bind(); }  // the port
  // Until it is drained: all that was accepted is answered then.
  void run();
  // From any thread, once: not ready from now on; the door closes after ServeOptions::drain_delay.
  void drain();

  const Engine& engine() const { return *engine_; }
  const std::shared_ptr<const Engine>& shared_engine() const { return engine_; }
  const ServeOptions& options() const { return options_; }
  Batcher& batcher() { return batcher_; }
  BankCache& banks() { return banks_; }
  NamedBanks& named_banks() { return named_banks_; }
  FeatureStore& features() { return features_; }
  Metrics& metrics() { return metrics_; }
  RequestWatch& watch() { return watch_; }
  const Router& router() const { return *router_; }
  const BearerToken& token() const { return token_; }

  bool ready() const { return !draining_ && batcher_.device_ok(); }
  bool draining() const { return draining_; }
  // Whether photos are read first, and asked for words then: so they share forwards, whatever their words. Not where
  // the policy looks at the words (`read_alone` learns of it), nor where a refinement looks at the photo again.
  bool reads_ahead(const SegmentOptions& options) const;
  void read_alone(const SegmentOptions& options);
  // Gives back what is kept for later requests.
  void trim();

  // What decodes and encodes pictures holds one: as many at once as there are threads, so that they leave the model
  // its share.
  using Hand = std::counting_semaphore<1024>;
  Hand& hands() { return hands_; }

 private:
  void watch_values();
  void log(const HttpRequest& request, const HttpResponse& response, double seconds, bool delivered);

  const std::shared_ptr<const Engine> engine_;
  const ServeOptions options_;
  Metrics metrics_;
  RequestLog log_;
  BearerToken token_;
  MemoryBudget memory_;
  RequestWatch watch_;
  Hand hands_;
  BankCache banks_;
  NamedBanks named_banks_;
  FeatureStore features_;
  Batcher batcher_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Listener> listener_;
  std::atomic<bool> draining_{false};
  mutable std::mutex policies_mutex_;
  std::set<std::string> read_alone_;  // policies
};

}  // namespace sclip
