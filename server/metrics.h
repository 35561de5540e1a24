// What /metrics tells, in Prometheus' text form. Every series is made here, so that docs and dashboard can be held to
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace sclip {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void request(std::string_view route, int status, double seconds);
  void stage(std::string_view name, double seconds);  // decode, text_bank, encode, merge, write
  void batch(int64_t requests, int64_t windows);      // before it is computed: who gets its answer finds it counted
  void batch_took(double seconds);
  void queued(double seconds);           // that a request waited
  void refused(std::string_view why);    // queue, deadline, memory, connections, drain
  void cancelled(std::string_view why);  // client, deadline
  void slow_client();
  void bank(bool hit);
  void device_failed();

  // What is looked at when somebody asks: name, help, and where the value is.
  void watch(const std::string& name, const std::string& help, std::function<double()> value);
  // The facts of the engine, as labels of a series that is 1.
  void describe(const std::map<std::string, std::string>& labels);

  std::string text();  // of all series

 private:
  struct Watched {
    prometheus::Gauge* gauge;
    std::function<double()> value;
  };
  std::unique_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Counter>*requests_, *refused_, *cancelled_;
  prometheus::Family<prometheus::Histogram>*request_seconds_, *stage_seconds_;
  prometheus::Counter *windows_, *slow_clients_, *bank_hits_, *bank_misses_, *device_failures_;
  prometheus::Histogram *queue_seconds_, *batch_windows_, *batch_requests_, *batch_seconds_;
  std::mutex mutex_;  // of what is watched
  std::vector<Watched> watched_;
};

// Bytes of this process in memory, as the system counts them.
int64_t resident_bytes();

}  // namespace sclip
