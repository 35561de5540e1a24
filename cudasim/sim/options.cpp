#include "sim/options.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace cudasim {

static bool flag(const char* name, bool fallback) {
  const char* v = std::getenv(name);
  return v && *v ? std::strcmp(v, "0") != 0 : fallback;
}

static Options read() {
  Options o;
  if (const char* v = std::getenv("CUDASIM_CHECKS"); v && *v) {
    const std::string list = std::string(",") + v + ",";
    auto has = [&](const char* word) { return list.find(std::string(",") + word + ",") != std::string::npos; };
    if (!has("all")) {
      o.check_memory = has("memory");
      o.check_shared = has("shared");
      o.check_sync = has("sync");
      o.check_leaks = has("leaks");
    }
  }
  o.late_copies = !flag("CUDASIM_EARLY_COPIES", false);
  o.delay_streams = flag("CUDASIM_DELAY_STREAMS", false);
  if (const char* v = std::getenv("CUDASIM_SEED")) o.seed = std::strtoull(v, nullptr, 0);
  if (const char* v = std::getenv("CUDASIM_JOBS")) o.jobs = unsigned(std::strtoul(v, nullptr, 0));
  if (o.jobs == 0) o.jobs = std::max(1u, std::thread::hardware_concurrency());
  if (const char* v = std::getenv("CUDASIM_REPORT")) o.report_path = v;
  o.stats = flag("CUDASIM_STATS", false) || !o.report_path.empty();
  if (const char* v = std::getenv("CUDASIM_DEVICE"); v && *v) o.device = v;
  if (const char* v = std::getenv("CUDASIM_DEVICES"); v && *v) o.devices = std::clamp(std::atoi(v), 1, kMaxDevices);
  return o;
}

const Options& options() {
  static const Options* o = new Options(read());  // never destroyed: used by exit handlers
  return *o;
}

}  // namespace cudasim
