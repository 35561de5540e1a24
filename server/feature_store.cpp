#include "server/feature_store.h"

#include <algorithm>

#include "server/http/http_error.h"
#include "server/http/trace.h"

namespace sclip {

std::shared_ptr<const KeptPhoto> FeatureStore::add(KeptPhoto photo) {
  if (photo.bytes() > most_bytes_) {
    throw HttpError(413, "too_large",
                    str("the features of this photo take ", photo.bytes() >> 20, " MB; all that are kept may take ",
                        most_bytes_ >> 20, " (--features-mb): segment the photo itself"));
  }
  photo.id = random_hex(16);
  auto kept = std::make_shared<const KeptPhoto>(std::move(photo));
  const std::lock_guard lock(mutex_);
  bytes_ += kept->bytes();
  photos_.push_front(kept);
  while (bytes_ > most_bytes_) {
    bytes_ -= photos_.back()->bytes();
    photos_.pop_back();
    ++dropped_;
  }
  return kept;
}

std::shared_ptr<const KeptPhoto> FeatureStore::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(photos_.begin(), photos_.end(), [&](const auto& p) { return p->id == id; });
  if (found == photos_.end()) return nullptr;
  photos_.splice(photos_.begin(), photos_, found);
  return *found;
}

bool FeatureStore::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(photos_.begin(), photos_.end(), [&](const auto& p) { return p->id == id; });
  if (found == photos_.end()) return false;
  bytes_ -= (*found)->bytes();
  photos_.erase(found);
  return true;
}

void FeatureStore::clear() {
  const std::lock_guard lock(mutex_);
  photos_.clear();
  bytes_ = 0;
}

int64_t FeatureStore::photos() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(photos_.size());
}

int64_t FeatureStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

int64_t FeatureStore::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace sclip
