#include "tests/steady/allocation_watch.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>

// glibc's allocator under the names that it keeps for programs that put themselves before it.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
}

namespace {

constexpr int kFrames = 24, kTraces = 1 << 16;

struct Trace {
  std::array<void*, kFrames> frames;
  int depth;
};

std::atomic<bool> watching{false};
std::atomic<int64_t> allocations{0}, threads{0};
std::array<Trace, kTraces> traces;
thread_local bool inside = false;  // backtrace itself may allocate

void note() {
  if (!watching.load(std::memory_order_relaxed) || inside) return;
  inside = true;
  const int64_t at = allocations.fetch_add(1);
  if (at < kTraces) {
    Trace& trace = traces[static_cast<size_t>(at)];
    trace.depth = backtrace(trace.frames.data(), kFrames);
  }
  inside = false;
}

std::string_view file_name(const Dl_info& info) {
  const std::string_view path = info.dli_fname != nullptr ? info.dli_fname : "";
  return path.substr(path.rfind('/') + 1);
}

// Looked up once: traces have most frames in common.
const Dl_info& find(void* frame) {
  static std::map<void*, Dl_info> known;
  const auto [entry, added] = known.try_emplace(frame);
  if (added) dladdr(frame, &entry->second);
  return entry->second;
}

std::string name_of(void* frame) {
  const Dl_info& info = find(frame);
  std::string name(file_name(info));
  if (info.dli_sname == nullptr) {
    char offset[32];
    std::snprintf(offset, sizeof offset, "+%#tx", static_cast<char*>(frame) - static_cast<char*>(info.dli_fbase));
    return name + offset;
  }
  int status = 0;
  char* readable = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  name += ": " + std::string(readable != nullptr ? readable : info.dli_sname);
  std::free(readable);
  return name;
}

}  // namespace

extern "C" {
void* malloc(size_t bytes) {
  note();
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  note();
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, size_t bytes) {
  note();
  return __libc_realloc(old, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  note();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  note();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** out, size_t alignment, size_t bytes) {
  note();
  void* made = __libc_memalign(alignment, bytes);
  if (made == nullptr) return ENOMEM;
  *out = made;
  return 0;
}
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*), void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (watching.load(std::memory_order_relaxed)) threads.fetch_add(1);
  return create(thread, attributes, body, argument);
}
}

namespace sclip::testing {

AllocationWatch::AllocationWatch() {
  void* frame = nullptr;
  backtrace(&frame, 1);  // loads what it needs
  allocations = threads = 0;
  watching = true;
}

AllocationWatch::~AllocationWatch() {
  watching = false;
}

Allocations AllocationWatch::stop() {
  watching = false;
  Allocations out{.count = allocations, .threads = threads, .onednn = 0, .onednn_calls = {}, .others = {}};
  std::map<void*, int64_t> calls;
  for (int64_t i = 0; i < std::min<int64_t>(out.count, kTraces); ++i) {
    const Trace& trace = traces[static_cast<size_t>(i)];
    void* outermost = nullptr;  // of oneDNN's frames
    bool onednn = false, known = false;
    for (int f = 2; f < trace.depth; ++f) {  // behind `note` and the allocator
      void* const frame = trace.frames[static_cast<size_t>(f)];
      const std::string_view file = file_name(find(frame));
      if (!known && !file.starts_with("libc.") && !file.starts_with("libstdc++")) {
        known = true;
        onednn = file.starts_with("libdnnl");
      }
      if (file.starts_with("libdnnl")) outermost = frame;
    }
    if (onednn) {
      ++out.onednn;
      ++calls[outermost];
    } else if (out.others.size() < 8) {
      std::string frames;
      for (int f = 2; f < trace.depth; ++f) frames += name_of(trace.frames[static_cast<size_t>(f)]) + "\n";
      out.others.push_back(frames);
    }
  }
  for (const auto& [frame, count] : calls) out.onednn_calls[name_of(frame)] += count;
  return out;
}

}  // namespace sclip::testing
