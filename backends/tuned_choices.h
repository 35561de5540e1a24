// TunedChoices: which of several ways of computing the same was measured as the fastest on this machine, in a file that
// the next run starts from.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sclip/device.h"

namespace sclip {

class TunedChoices {
 public:
  // `machine` names all that the times depend on: device, driver, libraries, versions. What a file says of another
  // machine is left aside, and lost when this one's is written. Without a file everything is measured anew.
  TunedChoices(std::optional<std::filesystem::path> file, std::string machine);

  // What was chosen for `key`, a line of text. Any thread.
  std::optional<std::string> find(const std::string& key) const;

  struct Measured {
    std::string id;  // what `find` returns
    std::string text;
    double microseconds = 0;
  };
  // The fastest of what was measured, the first of which is taken where nothing is tuned. Noted and written to the
  // file. Any thread. Returns its place in the list.
  size_t choose(const std::string& key, const std::string& what, const std::vector<Measured>& measured);

  std::vector<TuningNote> notes() const;

 private:
  struct Entry {
    std::string id;
    TuningNote note;
  };
  void load();
  void store() const;

  std::optional<std::filesystem::path> file_;
  std::string machine_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  mutable std::string trouble_;  // why the file was not read or written
};

}  // namespace sclip
