// A shared library that is opened when it is first needed, so that a program which never needs it neither loads it nor
// asks for it: cuBLASLt alone is 150 MB of resident memory and 70 ms.
#pragma once

#include <string>

#include "sclip/error.h"

namespace sclip {

class LazyLibrary {
 public:
  // `name` as the system finds it, or else in `folder`, where the build found it. Throws kUnsupported with the loader's
  // reason and `advice`, the end of a sentence: what to do.
  LazyLibrary(const std::string& name, const std::string& folder, const std::string& advice);

  // Sets `function` to the symbol `symbol`, or throws kUnsupported.
  template <typename Function>
  void find(Function& function, const char* symbol) const {
    function = reinterpret_cast<Function>(find(symbol));
  }

 private:
  void* find(const char* symbol) const;

  std::string name_, advice_;
  void* library_ = nullptr;  // never closed: CUDA's libraries keep threads and device memory of their own
};

}  // namespace sclip
