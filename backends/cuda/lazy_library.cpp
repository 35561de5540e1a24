#include "backends/cuda/lazy_library.h"

#include <dlfcn.h>

namespace sclip {

LazyLibrary::LazyLibrary(const std::string& name, const std::string& folder, const std::string& advice)
    : name_(name), advice_(advice) {
  for (const std::string& candidate : {name, folder + "/" + name}) {
    if (library_ = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL); library_ != nullptr) return;
  }
  const char* reason = dlerror();
  fail(ErrorCode::kUnsupported, name, " cannot be loaded (", reason != nullptr ? reason : "no reason given",
       "): ", advice);
}

void* LazyLibrary::find(const char* symbol) const {
  void* function = dlsym(library_, symbol);
  SCLIP_CHECK(function != nullptr, kUnsupported, "this ", name_, " has no ", symbol, ": ", advice_);
  return function;
}

}  // namespace sclip
