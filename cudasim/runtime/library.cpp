#include "runtime/library.h"

#include <memory>
#include <string>

#include "runtime/access.h"
#include "runtime/process.h"
#include "runtime/stream.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

API cudaError_t cudasimEnqueue(cudaStream_t stream, const char*, cudaError_t (*run)(const void*),
                               void (*destroy)(const void*), const void* data) {
  const std::shared_ptr<const void> held(data, destroy);
  return set_error(enqueue(stream, cudaGraphNodeTypeKernel, [held, run] { return run(held.get()); }));
}

API void* cudasimBytes(const void* pointer, size_t bytes, const char* call, const char* operand) {
  if (check_device_range(call, operand, pointer, bytes) != cudaSuccess) return nullptr;
  return readable_place(pointer);
}

API void cudasimUnsupported(const char* sentence) {
  Finding f;
  f.check = Check::kUnsupported;
  f.text = sentence;
  report(std::move(f));
}
