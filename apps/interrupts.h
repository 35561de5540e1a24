// Interrupts: Ctrl-C and SIGTERM end the process at once, but never in the middle of giving outputs their names.
//
// While an Interrupts lives, a thread of its own waits for the signals. When one comes it takes the mutex of
// core/temporary_files.h, removes the files that have no final name yet, calls `last_words` and leaves with
// kExitInterrupted. A second signal does not wait. Computation need not poll anything.
#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace sclip {

class Interrupts {
 public:
  // Make it before any other thread starts: they inherit the blocked signals. One at a time.
  explicit Interrupts(std::function<void()> last_words);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  void wait();

  std::function<void()> last_words_;
  sigset_t signals_{};
  sigset_t previous_{};
  int signal_fd_ = -1;
  int stop_fd_ = -1;
  std::thread thread_;
};

}  // namespace sclip
