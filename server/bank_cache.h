// BankCache: text banks by what is in their word list, the latest used ones kept; and word lists that have a name.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sclip/engine.h"
#include "sclip/text_bank.h"
#include "server/metrics.h"
#include "server/request_watch.h"

namespace sclip {

// What embeddings depend on.
struct WordList {
  ClassList classes;
  std::vector<std::string> templates{};  // empty: the 80 of ImageNet
  bool truncate = false;

  std::string content_hash() const;  // 64 hexadecimal digits
};

class BankCache {
 public:
  BankCache(std::shared_ptr<const Engine> engine, int64_t most_bytes, Metrics& metrics)
      : engine_(std::move(engine)), most_bytes_(most_bytes), metrics_(metrics) {}

  // The list's bank, kept or made. One is made at a time, and a list that several ask for once. Throws what making it
  // throws, and HttpError when the request is given up meanwhile.
  std::shared_ptr<const TextBank> get(const WordList& list, const RequestPatience& patience);

  void clear();
  int64_t banks() const;
  int64_t bytes() const;

 private:
  struct Entry {
    std::string hash;
    std::shared_ptr<const TextBank> bank;
    int64_t bytes = 0;
  };
  std::shared_ptr<const TextBank> find(const std::string& hash);  // under the mutex; becomes the latest
  void keep(std::string hash, std::shared_ptr<const TextBank> bank);

  const std::shared_ptr<const Engine> engine_;
  const int64_t most_bytes_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::condition_variable made_;
  bool making_ = false;
  std::list<Entry> entries_;  // the latest used first
  int64_t bytes_ = 0;
};

// Word lists that clients gave a name.
class NamedBanks {
 public:
  explicit NamedBanks(int64_t most) : most_(most) {}

  // Throws HttpError: 409 for a name that has another list, 429 where there are too many. True: it is new.
  bool add(const std::string& name, WordList list);
  std::optional<WordList> find(const std::string& name) const;
  bool remove(const std::string& name);
  std::vector<std::pair<std::string, WordList>> all() const;

 private:
  const int64_t most_;
  mutable std::mutex mutex_;
  std::map<std::string, WordList> lists_;
};

}  // namespace sclip
