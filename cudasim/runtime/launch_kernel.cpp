#include "runtime/launch_kernel.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "runtime/device.h"
#include "runtime/stream.h"
#include "runtime/watchdog.h"
#include "sim/launch.h"
#include "sim/options.h"

namespace cudasim {

static cudaError_t limit(const KernelEntry* k, const std::string& text, cudaError_t e) {
  Finding f;
  f.check = Check::kLaunchLimit;
  f.kernel = k->name;
  f.text = text;
  report(std::move(f));
  return e;
}

uint32_t registers_of(const KernelEntry* k, const Function& f) {
  const auto& known = k->owner->registers;
  if (const auto it = known.find(k->name); it != known.end()) return it->second;
  if (f.bounds.maxnreg) return f.bounds.maxnreg;
  if (f.bounds.maxntid && f.bounds.minnctapersm)
    return std::min(255u, 65536 / (f.bounds.maxntid * f.bounds.minnctapersm) / 8 * 8);
  return std::min(128u, std::max(16u, f.reg32_count / 4));
}

static cudaError_t check_launch(KernelEntry* k, Function* fn, dim3 grid, dim3 block, size_t shared, bool cooperative,
                                size_t* dyn_offset, size_t* total_shared) {
  const cudaDeviceProp& p = device_properties();
  auto dims = [](dim3 d) {
    return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")";
  };
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7FFFFFFF || grid.y > 65535 || grid.z > 65535)
    return limit(k, "the grid " + dims(grid) + " is empty or larger than (2147483647,65535,65535).",
                 cudaErrorInvalidConfiguration);
  const uint64_t threads = uint64_t(block.x) * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64)
    return limit(k,
                 "the block " + dims(block) + " has " + std::to_string(threads) +
                     " threads; 1 to 1024 are allowed (z at most 64).",
                 cudaErrorInvalidConfiguration);
  if (fn->bounds.maxntid && threads > fn->bounds.maxntid)
    return limit(k,
                 "the block " + dims(block) + " has more threads than the " + std::to_string(fn->bounds.maxntid) +
                     " of the kernel's __launch_bounds__.",
                 cudaErrorInvalidValue);
  if (fn->bounds.reqntid && threads != fn->bounds.reqntid)
    return limit(k, "the kernel requires blocks of exactly " + std::to_string(fn->bounds.reqntid) + " threads.",
                 cudaErrorInvalidValue);
  const size_t dyn_at = (fn->static_shared + fn->dyn_shared_align - 1) / fn->dyn_shared_align * fn->dyn_shared_align;
  const size_t total = shared ? dyn_at + shared : fn->static_shared;
  if (total > p.sharedMemPerBlockOptin)
    return limit(k,
                 "the block wants " + std::to_string(total) + " bytes of shared memory, the device has " +
                     std::to_string(p.sharedMemPerBlockOptin) + ".",
                 cudaErrorInvalidValue);
  const size_t allowed = k->dynamic_shared_limit[size_t(current_device())];
  if (shared > allowed || (total > 48 * 1024 && allowed <= 48 * 1024))
    return limit(k,
                 std::to_string(shared) +
                     " bytes of dynamic shared memory need cudaFuncSetAttribute(kernel, "
                     "cudaFuncAttributeMaxDynamicSharedMemorySize, ...) first; the limit is " +
                     std::to_string(allowed) +
                     (device_count() > 1 ? " on device " + std::to_string(current_device()) : "") + ".",
                 cudaErrorInvalidValue);
  const uint32_t registers = registers_of(k, *fn);
  if (k->owner->runs_machine_code && k->owner->registers.count(k->name) &&
      occupancy(uint32_t(threads), registers, 0) == 0)
    return limit(k,
                 "the block " + dims(block) + " needs " + std::to_string(registers) + " registers for each of its " +
                     std::to_string(threads) + " threads, more than the " + std::to_string(p.regsPerBlock) +
                     " that a block can have; make the block smaller or compile the kernel with __launch_bounds__(" +
                     std::to_string(threads) + ").",
                 cudaErrorLaunchOutOfResources);
  if (cooperative) {
    const uint64_t resident =
        uint64_t(occupancy(uint32_t(threads), registers, total)) * uint64_t(p.multiProcessorCount);
    if (uint64_t(grid.x) * grid.y * grid.z > resident)
      return limit(k,
                   "the grid " + dims(grid) + " of a cooperative launch has more blocks than the " +
                       std::to_string(resident) + " that the device can hold at once.",
                   cudaErrorCooperativeLaunchTooLarge);
  }
  *dyn_offset = dyn_at;
  *total_shared = total;
  return cudaSuccess;
}

OpPtr make_kernel_op(KernelEntry* k, dim3 grid, dim3 block, void** args, size_t shared, bool cooperative,
                     cudaError_t* error) {
  *error = cudaErrorInvalidDeviceFunction;
  if (!k) return nullptr;
  Function* fn = function_of(k);
  *error = k->owner->failed ? cudaErrorNoKernelImageForDevice : cudaErrorInvalidKernelImage;
  if (!fn) return nullptr;
  size_t offset = 0, total = 0;
  *error = check_launch(k, fn, grid, block, shared, cooperative, &offset, &total);
  if (*error != cudaSuccess) return nullptr;
  auto op = std::make_shared<KernelOp>();
  op->kernel = k;
  op->grid = grid;
  op->block = block;
  op->shared = uint32_t(shared);
  op->shared_offset = uint32_t(offset);
  op->shared_total = uint32_t(total);
  op->cooperative = cooperative;
  op->device = current_device();
  op->params.resize(fn->param_bytes);
  for (size_t i = 0; i < fn->params.size(); ++i) {
    std::memcpy(op->params.data() + fn->params[i].offset, args[i], fn->params[i].size);
    op->param_pointers.push_back(op->params.data() + fn->params[i].offset);
  }
  return op;
}

cudaError_t KernelOp::run() const {
  static std::atomic<uint64_t> serial{0};
  Launch l;
  l.kernel = function_of(kernel);
  l.module = module_of(kernel->owner);
  l.grid[0] = grid.x;
  l.grid[1] = grid.y;
  l.grid[2] = grid.z;
  l.block[0] = block.x;
  l.block[1] = block.y;
  l.block[2] = block.z;
  l.threads = block.x * block.y * block.z;
  l.warps = (l.threads + 31) / 32;
  l.dynamic_shared = shared;
  l.dynamic_offset = shared_offset;
  l.shared_bytes = shared_total;
  l.id = ++serial;
  l.device = device;
  l.cooperative = cooperative;
  l.registers = registers_of(kernel, *l.kernel);
  l.occupancy_blocks = occupancy(l.threads, l.registers, shared_total);
  l.params = params;
  {
    const Watchdog watchdog(l);
    run_launch(l);
  }
  const auto error = cudaError_t(l.error.load());
  if (error != cudaSuccess) set_sticky_error(error);
  return error;
}

cudaError_t check_stream(const std::string& kernel, cudaStream_t stream) {
  std::lock_guard lock(runtime_mutex());
  const Stream* s = stream_of(stream);
  if (!s || s->device() == current_device()) return cudaSuccess;
  Finding f;
  f.check = Check::kLaunchLimit;
  f.kernel = kernel;
  f.text = "the stream is of device " + std::to_string(s->device()) + " and device " +
           std::to_string(current_device()) + " is current; call cudaSetDevice first.";
  report(std::move(f));
  return cudaErrorInvalidResourceHandle;
}

cudaError_t launch_kernel(KernelEntry* k, dim3 grid, dim3 block, void** args, size_t shared, cudaStream_t stream,
                          bool cooperative) {
  cudaError_t e;
  OpPtr op = make_kernel_op(k, grid, block, args, shared, cooperative, &e);
  if (op) e = check_stream(k->name, stream);
  return set_error(e == cudaSuccess ? enqueue(stream, std::move(op)) : e);
}

}  // namespace cudasim
