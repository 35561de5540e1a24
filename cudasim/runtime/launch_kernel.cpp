#include "runtime/launch_kernel.h"

#include <atomic>
#include <cstring>

#include "runtime/device.h"
#include "runtime/stream.h"
#include "sim/launch.h"
#include "sim/options.h"

namespace cudasim {

static cudaError_t limit(const KernelEntry* k, const std::string& text, cudaError_t e) {
  Finding f;
  f.check = Check::kLaunchLimit;
  f.kernel = k->name;
  f.text = text;
  report(std::move(f));
  return set_error(e);
}

cudaError_t launch_kernel(KernelEntry* k, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream, bool cooperative) {
  if (!k) return set_error(cudaErrorInvalidDeviceFunction);
  Function* fn = function_of(k);
  if (!fn) return set_error(cudaErrorInvalidKernelImage);
  const cudaDeviceProp& p = device_properties();
  auto dims = [](dim3 d) { return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")"; };
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7FFFFFFF || grid.y > 65535 || grid.z > 65535)
    return limit(k, "the grid " + dims(grid) + " is empty or larger than (2147483647,65535,65535).", cudaErrorInvalidConfiguration);
  const uint64_t threads = uint64_t(block.x) * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64)
    return limit(k, "the block " + dims(block) + " has " + std::to_string(threads) + " threads; 1 to 1024 are allowed (z at most 64).", cudaErrorInvalidConfiguration);
  if (fn->bounds.maxntid && threads > fn->bounds.maxntid)
    return limit(k, "the block " + dims(block) + " has more threads than the " + std::to_string(fn->bounds.maxntid) + " of the kernel's __launch_bounds__.", cudaErrorInvalidValue);
  if (fn->bounds.reqntid && threads != fn->bounds.reqntid)
    return limit(k, "the kernel requires blocks of exactly " + std::to_string(fn->bounds.reqntid) + " threads.", cudaErrorInvalidValue);
  const size_t dyn_at = (fn->static_shared + fn->dyn_shared_align - 1) / fn->dyn_shared_align * fn->dyn_shared_align;
  const size_t total = shared ? dyn_at + shared : fn->static_shared;
  if (total > p.sharedMemPerBlockOptin)
    return limit(k, "the block wants " + std::to_string(total) + " bytes of shared memory, the device has " + std::to_string(p.sharedMemPerBlockOptin) + ".", cudaErrorInvalidValue);
  if (shared > k->dynamic_shared_limit || (total > 48 * 1024 && k->dynamic_shared_limit <= 48 * 1024))
    return limit(k, std::to_string(shared) + " bytes of dynamic shared memory need cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, ...) first; the limit is " +
                        std::to_string(k->dynamic_shared_limit) + ".", cudaErrorInvalidValue);
  static std::atomic<uint64_t> serial{0};
  auto l = std::make_shared<Launch>();
  l->kernel = fn;
  l->module = module_of(k->owner);
  l->grid[0] = grid.x; l->grid[1] = grid.y; l->grid[2] = grid.z;
  l->block[0] = block.x; l->block[1] = block.y; l->block[2] = block.z;
  l->threads = uint32_t(threads);
  l->warps = (l->threads + 31) / 32;
  l->dynamic_shared = uint32_t(shared);
  l->dynamic_offset = uint32_t(dyn_at);
  l->shared_bytes = uint32_t(total);
  l->id = ++serial;
  l->cooperative = cooperative;
  l->params.resize(fn->param_bytes);
  for (size_t i = 0; i < fn->params.size(); ++i) std::memcpy(l->params.data() + fn->params[i].offset, args[i], fn->params[i].size);
  return set_error(enqueue(stream, {"kernel", [l] {
    l->error = 0;
    run_launch(*l);
    if (l->error) set_sticky_error(cudaError_t(l->error));
    return cudaError_t(l->error);
  }}));
}

}  // namespace cudasim
