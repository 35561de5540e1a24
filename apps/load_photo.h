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

// --salvage
struct PhotoFlags {
  bool salvage = false;

  void add_to(CLI::App& app);
  DecodeOptions decode_options() const { return {.salvage = salvage}; }
  Image load(const std::string& file, ThreadPool& pool) const;  // warns of what is missing
};

// Of a picture that was salvaged, for people; empty of a whole one.
std::string damage_warning(const PictureFile& file);

}  // namespace sclip
