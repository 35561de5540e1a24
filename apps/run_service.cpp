#include "apps/run_service.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

#include "apps/console.h"
#include "server/service.h"

namespace sclip {
namespace {

// SIGTERM and SIGINT, for a thread that waits for them. Blocked before any other thread starts.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT, SIGUSR2}) sigaddset(&signals_, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  // The first drains; a second one does not wait.
  void drain_at_signal(Service& service) const {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0 || signal == SIGUSR2) return;
    std::thread second([this] {
      int again = 0;
      if (sigwait(&signals_, &again) == 0 && again != SIGUSR2) ::_exit(kExitInterrupted);
    });
    service.drain();
    second.join();
  }
  // Ends the waiting; once for each wait.
  static void wake(std::thread& waiting) {
    ::kill(::getpid(), SIGUSR2);
    waiting.join();
  }

 private:
  sigset_t signals_{};
};

// Threads come and go with connections, and pictures with requests: memory that is freed goes back to the system.
void keep_memory_flat() {
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, 64 << 10);
  ::mallopt(M_TRIM_THRESHOLD, 2 << 20);
#endif
}

}  // namespace

int run_service(const ModelFlags& model, const ServeOptions& options, bool quiet) {
  keep_memory_flat();
  const StopSignals signals;
  const auto engine = model.load();
  engine->prepare_vision();
  engine->prepare_text();
  Service service(engine, options, quiet ? -1 : STDERR_FILENO);
  const int port = service.bind();
  std::thread waiting([&] { signals.drain_at_signal(service); });
  const DeviceFacts& device = engine->device();
  std::printf("listening at %s://%s:%d (%s, %s, %s)\n", options.tls_certificate.empty() ? "http" : "https",
              options.bind.c_str(), port, engine->metadata().model.c_str(), device.name.c_str(),
              std::string(to_string(device.precision)).c_str());
  std::fflush(stdout);
  service.run();
  StopSignals::wake(waiting);
  return kExitDone;
}

}  // namespace sclip
