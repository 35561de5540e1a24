#include "runtime/library.h"

#include <memory>
#include <string>

#include "runtime/access.h"
#include "runtime/device.h"
#include "runtime/launch_kernel.h"
#include "runtime/process.h"
#include "runtime/stream.h"
#include "sim/memory.h"

#define API extern "C" __attribute__((visibility("default")))

using namespace cudasim;

API cudaError_t cudasimEnqueue(cudaStream_t stream, const char* what, cudaError_t (*run)(const void*),
                               void (*destroy)(const void*), const void* data) {
  const std::shared_ptr<const void> held(data, destroy);
  if (const cudaError_t e = check_stream(what, stream); e != cudaSuccess) return set_error(e);
  return set_error(enqueue(stream, cudaGraphNodeTypeKernel, [held, run] { return run(held.get()); }));
}

API void* cudasimBytes(const void* pointer, size_t bytes, const char* call, const char* operand) {
  if (check_device_range(call, operand, pointer, bytes) != cudaSuccess) return nullptr;
  if (const Allocation* a = DeviceMemory::get().find(address_bits(pointer));
      a && a->device != kEveryDevice && a->device != current_device()) {
    Finding f;
    f.check = Check::kOutOfBounds;
    f.address = address_bits(pointer);
    f.text = std::string(call) + ": the " + operand + " lies in " + DeviceMemory::get().describe(f.address) +
             ", which a kernel on device " + std::to_string(current_device()) + " does not reach.";
    report(std::move(f));
    return nullptr;
  }
  return readable_place(pointer);
}

API void cudasimUnsupported(const char* sentence) {
  Finding f;
  f.check = Check::kUnsupported;
  f.text = sentence;
  report(std::move(f));
}
