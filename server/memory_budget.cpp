#include "server/memory_budget.h"

#include "sclip/error.h"
#include "server/http/http_error.h"

namespace sclip {

void MemoryLease::grow(int64_t bytes) {
  if (budget_ == nullptr) return;
  if (bytes_ + bytes > budget_->limit_) {
    throw HttpError(413, "too_large",
                    str("this request would take ", (bytes_ + bytes) >> 20,
                        " MB of memory; all requests together may "
                        "take ",
                        budget_->limit_ >> 20, " (--memory-limit)"));
  }
  if (budget_->used_.fetch_add(bytes) + bytes > budget_->limit_) {
    budget_->used_ -= bytes;
    throw HttpError(503, "out_of_memory",
                    str("requests hold ", budget_->used_ >> 20, " MB, and with this one they would hold more than ",
                        budget_->limit_ >> 20, " (--memory-limit): try again"),
                    1);
  }
  bytes_ += bytes;
}

void MemoryLease::give_back() {
  if (budget_ != nullptr) budget_->used_ -= std::exchange(bytes_, 0);
}

}  // namespace sclip
