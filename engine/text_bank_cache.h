// One text bank on disk: a file named by its key, written whole or not at all, and trusted only after a check.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/buffer.h"

namespace sclip {

// Why what lies in the folder is not to be believed, as a sentence; empty for a folder of this user's or root's that
// not everybody may write to, and for one that is not there yet.
std::string distrusted_folder(const std::filesystem::path& folder);

class TextBankCache {
 public:
  // `key`: a hex hash of everything the embeddings depend on.
  TextBankCache(std::filesystem::path folder, std::string key);

  struct Lookup {
    std::optional<AlignedBuffer<float>> embeddings;  // (rows, cols)
    std::string damage;                              // why a file that is there was not used; empty otherwise
  };
  // Never throws for what it finds in the file.
  Lookup load(int64_t rows, int64_t cols) const;
  // Safe against other processes that write the same key. Throws kIo.
  void store(const float* embeddings, int64_t rows, int64_t cols) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::string key_;
};

}  // namespace sclip
