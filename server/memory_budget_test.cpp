#include "server/memory_budget.h"

#include "server/http/http_error.h"
#include "tests/catch.h"

namespace sclip {
namespace {

int status_of_growth(MemoryLease& lease, int64_t bytes) {
  try {
    lease.grow(bytes);
    return 200;
  } catch (const HttpError& error) {
    return error.status();
  }
}

TEST_CASE("leases together hold no more than the budget, and give it back") {
  MemoryBudget budget(100);
  {
    MemoryLease a(budget), b(budget);
    CHECK(status_of_growth(a, 60) == 200);
    CHECK(status_of_growth(b, 41) == 503);   // not now
    CHECK(status_of_growth(b, 101) == 413);  // never
    CHECK(status_of_growth(b, 40) == 200);
    CHECK(budget.used() == 100);
    MemoryLease moved = std::move(a);
    CHECK(budget.used() == 100);
    moved.give_back();
    CHECK(budget.used() == 40);
    CHECK(status_of_growth(b, 61) == 413);  // with what it has
  }
  CHECK(budget.used() == 0);
}

}  // namespace
}  // namespace sclip
