// A photo as the command line asks for it.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/thread_pool.h"
#include "io/image.h"
#include "io/picture_file.h"

namespace CLI {
class App;
}

namespace sclip {

inline constexpr size_t kMostInputBytes = size_t{4} << 30;  // of a picture from standard input

// --salvage
struct PhotoFlags {
  bool salvage = false;

  void add_to(CLI::App& app);
  DecodeOptions decode_options() const { return {.salvage = salvage}; }
  // Warns of what is missing. The file may be kStandardInput.
  Image load(const std::string& file, ThreadPool& pool) const;
};

// Of a picture that was salvaged, for people; empty of a whole one.
std::string damage_warning(const PictureFile& file);

}  // namespace sclip
