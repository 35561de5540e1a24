#include "api/handles.h"

#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "sclip/error.h"

namespace sclip::api {
namespace {

constexpr uintptr_t kStep = 16;  // as far apart as pointers are, and never 0

struct Entry {
  Kind kind;
  std::shared_ptr<void> object;
};

struct Table {
  std::shared_mutex mutex;
  std::unordered_map<uintptr_t, Entry> entries;
  uintptr_t last = 0;
};

// Never destroyed: threads of the host may outlive its static objects.
Table& table() {
  static auto* const the_table = new Table;
  return *the_table;
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kEngine: return "engine";
    case Kind::kBank: return "bank";
    case Kind::kSession: return "session";
    case Kind::kFeatures: return "features";
    case Kind::kResult: return "result";
    case Kind::kPicture: return "picture";
    case Kind::kBytes: return "bytes";
    case Kind::kRle: return "run lengths";
  }
  return "handle";
}

void check(const Table& t, Kind kind, uintptr_t handle) {
  SCLIP_CHECK(handle != 0, kInvalidArgument, "the ", name_of(kind), " is NULL");
  const auto found = t.entries.find(handle);
  if (found == t.entries.end()) {
    const bool was_one = handle <= t.last && handle % kStep == 0;
    fail(ErrorCode::kInvalidArgument, "the ", name_of(kind),
         was_one ? " was freed before: a handle is not used after its sclip_…_free" : " is no handle of this library");
  }
  SCLIP_CHECK(found->second.kind == kind, kInvalidArgument, "the ", name_of(kind),
              " that was given is a handle of another kind: ", name_of(found->second.kind));
}

}  // namespace

uintptr_t add_handle(Kind kind, std::shared_ptr<void> object) {
  Table& t = table();
  const std::unique_lock lock(t.mutex);
  const uintptr_t handle = t.last + kStep;
  t.entries.emplace(handle, Entry{kind, std::move(object)});
  t.last = handle;
  return handle;
}

std::shared_ptr<void> find_handle(Kind kind, uintptr_t handle) {
  Table& t = table();
  const std::shared_lock lock(t.mutex);
  check(t, kind, handle);
  return t.entries.find(handle)->second.object;
}

void remove_handle(Kind kind, uintptr_t handle) {
  Table& t = table();
  std::shared_ptr<void> object;  // destroyed without the lock
  const std::unique_lock lock(t.mutex);
  check(t, kind, handle);
  const auto found = t.entries.find(handle);
  object = std::move(found->second.object);
  t.entries.erase(found);
}

}  // namespace sclip::api
