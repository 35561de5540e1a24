// Interrupts: Ctrl-C and SIGTERM end the process at once, but never in the middle of writing outputs.
//
// While an Interrupts lives, a thread of its own waits for the signals. When one comes it waits for the sections
// under way, removes the temporary files that are registered, calls `last_words` and leaves with kExitInterrupted.
// A second signal does not wait. Computation need not poll anything.
#pragma once

#include <csignal>
#include <filesystem>
#include <functional>
#include <shared_mutex>
#include <thread>

namespace sclip {

class Interrupts {
 public:
  // Make it before any other thread starts: they inherit the blocked signals. One at a time.
  explicit Interrupts(std::function<void()> last_words);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // The process does not end of an interrupt while somebody holds one. Valid with no Interrupts around, too.
  class Section {
   public:
    Section();

   private:
    std::shared_lock<std::shared_timed_mutex> lock_;
  };

 private:
  void wait();

  std::function<void()> last_words_;
  sigset_t signals_{};
  sigset_t previous_{};
  int signal_fd_ = -1;
  int stop_fd_ = -1;
  std::thread thread_;
};

// Files to remove when the process is interrupted.
void register_temporary_file(const std::filesystem::path& path);
void forget_temporary_file(const std::filesystem::path& path);

}  // namespace sclip
