#include "core/temporary_files.h"

#include <cstdio>
#include <set>

namespace sclip::temporary_files {
namespace {

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

}  // namespace sclip::temporary_files
