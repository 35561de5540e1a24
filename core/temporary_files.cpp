#include "core/temporary_files.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <set>
#include <string_view>
#include <system_error>

namespace sclip::temporary_files {
namespace {

constexpr std::string_view kMark = ".sclip-";

// The process in a name that `suffix` ended; 0 for another name.
pid_t owner_of(const std::string& name) {
  const size_t mark = name.rfind(kMark);
  if (mark == std::string::npos || mark == 0) return 0;
  const char* begin = name.data() + mark + kMark.size();
  const char* end = name.data() + name.size();
  pid_t owner = 0;
  unsigned number = 0;
  const auto [dash, bad] = std::from_chars(begin, end, owner);
  if (bad != std::errc() || dash == end || *dash != '-') return 0;
  const auto [rest, worse] = std::from_chars(dash + 1, end, number);
  return worse == std::errc() && rest == end ? owner : 0;
}

// Never destroyed: a thread may still write when static objects go.
std::set<std::filesystem::path>& paths() {
  static auto* const paths = new std::set<std::filesystem::path>;
  return *paths;
}

}  // namespace

std::mutex& mutex() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}

void remember(const std::filesystem::path& path) {
  paths().insert(path);
}

void forget(const std::filesystem::path& path) {
  paths().erase(path);
}

void remove_all() noexcept {
  // What lies in a folder sorts behind it, and must go first.
  for (auto path = paths().rbegin(); path != paths().rend(); ++path) std::remove(path->c_str());
}

std::string suffix(unsigned number) {
  return std::string(kMark) + std::to_string(::getpid()) + "-" + std::to_string(number);
}

int remove_stale(const std::filesystem::path& folder) noexcept {
  int removed = 0;
  try {
    const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const pid_t owner = owner_of(entry->path().filename().string());
      if (owner <= 0 || ::kill(owner, 0) == 0 || errno != ESRCH) continue;
      std::error_code gone;
      if (!entry->is_regular_file(gone) || entry->last_write_time(gone) > old || gone) continue;
      removed += std::filesystem::remove(entry->path(), gone) ? 1 : 0;
    }
  } catch (const std::exception&) {
    // No memory: they stay.
  }
  return removed;
}

}  // namespace sclip::temporary_files
