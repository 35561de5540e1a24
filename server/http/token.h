// The bearer token that requests must carry, where there is one.
#pragma once

#include <filesystem>
#include <string>

namespace sclip {

class BearerToken {
 public:
  // Of a file: its first line. Empty path: everybody may ask. Throws kNotFound, kIo, and kInvalidArgument for a token
  // that is too short to be one.
  explicit BearerToken(const std::filesystem::path& file);

  bool wanted() const { return !token_.empty(); }
  // Compares in a time that does not depend on where they differ. `header` is that of Authorization.
  bool fits(const std::string& header) const;

 private:
  std::string token_;
};

}  // namespace sclip
