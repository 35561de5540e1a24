// Which files sclip wrote: what a run may replace, and what it does not take for a photo.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>

namespace sclip {

// By the mark that sclip's pictures and JSON files carry; another kind of file where a result.json beside it that bears
// the mark names it as an output. False for what cannot be read.
bool written_by_sclip(const std::filesystem::path& file);

// What a run may not overwrite.
class OverwriteGuard {
 public:
  // With `anything` any regular file may be replaced, but for the inputs.
  explicit OverwriteGuard(bool anything = false) : anything_(anything) {}

  // A file that the run reads. One that is not there is none.
  void protect(const std::filesystem::path& input);

  // Throws kIo for a target that is an input, for one that sclip did not write, and for what is no regular file.
  void check(const std::filesystem::path& target) const;

 private:
  bool anything_;
  std::set<std::pair<uint64_t, uint64_t>> inputs_;  // device and inode
};

}  // namespace sclip
