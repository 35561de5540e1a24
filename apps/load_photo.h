// A photo as the command line asks for it.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/thread_pool.h"
#include "io/image.h"

namespace CLI {
class App;
}

namespace sclip {

// --salvage
struct PhotoFlags {
  bool salvage = false;

  void add_to(CLI::App& app);
  // `warning` becomes what is missing of a picture that was salvaged, or empty.
  Image load(const std::string& file, ThreadPool& pool, std::string& warning) const;
  Image load(const std::string& file, ThreadPool& pool) const;  // prints the warning
  // The same of a picture in memory; `name` is for messages.
  Image decode(std::span<const std::byte> bytes, const std::string& name, ThreadPool& pool, std::string& warning) const;
};

}  // namespace sclip
