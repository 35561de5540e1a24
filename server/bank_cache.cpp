#include "server/bank_cache.h"

#include <algorithm>
#include <chrono>

#include "core/hash.h"
#include "core/stopwatch.h"
#include "server/http/http_error.h"

namespace sclip {
namespace {

constexpr std::chrono::milliseconds kDoneLook{20};

// Each text behind its length: no two lists have the same bytes.
void add(Sha256& hash, const std::string& text) {
  hash.update(std::to_string(text.size()) + ":");
  hash.update(text);
}

}  // namespace

std::string WordList::content_hash() const {
  Sha256 hash;
  for (const auto* texts : {&classes.class_names(), &classes.queries(), &templates}) {
    hash.update(std::to_string(texts->size()) + ";");
    for (const std::string& text : *texts) add(hash, text);
  }
  for (const int32_t c : classes.query_class()) hash.update(std::to_string(c) + ",");
  // A bank has its list's warnings, and they are a part of answers.
  for (const std::string& warning : classes.warnings()) add(hash, warning);
  hash.update(truncate ? "truncate" : "whole");
  return hash.hex();
}

std::shared_ptr<const TextBank> BankCache::find(const std::string& hash) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.hash == hash; });
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return found->bank;
}

std::shared_ptr<const TextBank> BankCache::get(const WordList& list, const RequestPatience& patience) {
  const std::string hash = list.content_hash();
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (auto bank = find(hash)) {
        metrics_.bank(true);
        return bank;
      }
      if (!making_) break;
      lock.unlock();
      patience.check();
      lock.lock();
      made_.wait_for(lock, kDoneLook, [&] { return !making_; });
    }
    making_ = true;
  }
  std::shared_ptr<const TextBank> bank;
  std::exception_ptr error;
  try {
    Stopwatch watch;
    bank = make_text_bank(*engine_, list.classes,
                          {.templates = list.templates,
                           .cache_folder = std::nullopt,
                           .truncate = list.truncate,
                           .control = {.stop = patience.token(), .progress = {}}});
    metrics_.stage("text_bank", watch.lap());
    metrics_.bank(false);
  } catch (...) {
    error = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    making_ = false;
    if (bank) keep(hash, bank);
  }
  made_.notify_all();
  if (error) {
    patience.check();
    std::rethrow_exception(error);
  }
  return bank;
}

void BankCache::keep(std::string hash, std::shared_ptr<const TextBank> bank) {
  // Embeddings, and the matrix that cosines are computed with.
  const int64_t bytes = bank->queries() * (bank->embed_dim() * 2 * int64_t{sizeof(float)} + 64);
  entries_.push_front({std::move(hash), std::move(bank), bytes});
  bytes_ += bytes;
  while (bytes_ > most_bytes_ && entries_.size() > 1) {
    bytes_ -= entries_.back().bytes;
    entries_.pop_back();
  }
}

void BankCache::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
  bytes_ = 0;
}

int64_t BankCache::banks() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(entries_.size());
}

int64_t BankCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

bool NamedBanks::add(const std::string& name, WordList list) {
  const std::lock_guard lock(mutex_);
  const auto found = lists_.find(name);
  if (found != lists_.end()) {
    if (found->second.content_hash() == list.content_hash()) return false;
    throw HttpError(409, "name_taken",
                    str("there is another word list called '", name,
                        "': choose a new name, or remove it with DELETE "
                        "/v1/banks/",
                        name));
  }
  if (static_cast<int64_t>(lists_.size()) >= most_) {
    throw HttpError(429, "too_many_banks",
                    str("there are ", lists_.size(),
                        " named word lists, and no more may be: "
                        "remove one with DELETE /v1/banks/NAME"));
  }
  lists_.emplace(name, std::move(list));
  return true;
}

std::optional<WordList> NamedBanks::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = lists_.find(name);
  return found == lists_.end() ? std::nullopt : std::optional(found->second);
}

bool NamedBanks::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return lists_.erase(name) > 0;
}

std::vector<std::pair<std::string, WordList>> NamedBanks::all() const {
  const std::lock_guard lock(mutex_);
  return {lists_.begin(), lists_.end()};
}

}  // namespace sclip
