// Confusion matrices photo by photo, kept in a file while an evaluation runs: what is there need not be computed again.
//
// A line a photo, appended when it is known. A line that an interruption cut short is dropped when the file is opened.
// One thread at a time; one process at a time.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

#include "evaluation/confusion.h"
#include "evaluation/data_set.h"
#include "results/run_facts.h"

namespace sclip {

// Photo and mask as they were: a matrix counts only while both are the same.
struct SampleIdentity {
  FileIdentity photo;
  FileIdentity mask;
  bool operator==(const SampleIdentity&) const = default;
};
SampleIdentity identify(const Sample& sample);  // throws kNotFound

class MatrixStore {
 public:
  // Reads what an earlier run left. Throws kCorruptData for a file that is something else, kIo.
  MatrixStore(std::filesystem::path file, size_t classes);
  ~MatrixStore();
  MatrixStore(const MatrixStore&) = delete;
  MatrixStore& operator=(const MatrixStore&) = delete;

  // Null where there is none of these very files.
  const Confusion* find(const std::string& name, const SampleIdentity& identity) const;
  void add(const std::string& name, const SampleIdentity& identity, Confusion matrix);

 private:
  struct Kept {
    SampleIdentity identity;
    Confusion matrix;
  };
  void read();

  std::filesystem::path path_;
  size_t classes_;
  int fd_ = -1;
  std::map<std::string, Kept> kept_;
};

}  // namespace sclip
