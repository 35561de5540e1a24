// The fonts of the system, in the order in which fontconfig would use them for plain text.
#pragma once

#include <fontconfig/fontconfig.h>

#include <string>
#include <vector>

namespace sclip {

struct SystemFont {
  std::string file;
  int face = 0;                           // in the file, as FreeType counts
  const FcCharSet* characters = nullptr;  // lives as long as the process

  bool has(char32_t character) const { return FcCharSetHasChar(characters, character) == FcTrue; }
};

// Found at the first call, and kept. Empty where fontconfig has no configuration.
const std::vector<SystemFont>& system_fonts();

}  // namespace sclip
