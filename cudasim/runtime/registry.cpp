#include "runtime/registry.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <unordered_map>

#include "runtime/cubin.h"
#include "runtime/device.h"
#include "runtime/fatbin.h"
#include "runtime/stream.h"
#include "sim/memory.h"
#include "sim/report.h"
#include "sim/warp.h"

namespace cudasim {

namespace {
struct Registry {
  std::vector<std::unique_ptr<FatModule>> modules;
  std::unordered_map<const void*, std::unique_ptr<KernelEntry>> kernels;
  std::unordered_map<const void*, std::unique_ptr<VarEntry>> vars;
};
Registry& registry() {
  static auto* r = new Registry;
  return *r;
}

struct Hooks : ModuleHooks {
  FatModule* owner = nullptr;
  uint64_t allocate_global(const GlobalVar& var) override {
    AllocKind kind = AllocKind::kGlobal;
    for (auto& [host, v] : registry().vars)
      if (v->owner == owner && v->managed && v->name == var.name) kind = AllocKind::kManaged;
    const uint64_t a = DeviceMemory::get().allocate(var.size, kind, current_device(), var.name);
    if (!a) throw SimError("There is no device memory left for the variable " + var.name + ".");
    std::memset(DeviceMemory::get().host(a), 0, var.size);
    return a;
  }
  void write_global(uint64_t address, const void* data, size_t bytes) override {
    std::memcpy(DeviceMemory::get().host(address), data, bytes);
  }
  ExecFn select(const Instr& in) override { return isa().select(in); }
};
}  // namespace

FatModule* register_fatbin(const void* wrapper) {
  std::lock_guard lock(runtime_mutex());
  auto m = std::make_unique<FatModule>();
  m->wrapper = wrapper;
  registry().modules.push_back(std::move(m));
  return registry().modules.back().get();
}
void unregister_fatbin(FatModule*) {}  // the process ends; reports may still need the module

void register_kernel(FatModule* m, const void* host, const char* name) {
  std::lock_guard lock(runtime_mutex());
  auto k = std::make_unique<KernelEntry>();
  k->owner = m;
  k->name = name;
  k->host = host;
  registry().kernels[host] = std::move(k);
}
void register_var(FatModule* m, const void* host, const char* name, uint64_t size, void** managed) {
  std::lock_guard lock(runtime_mutex());
  auto v = std::make_unique<VarEntry>();
  v->owner = m;
  v->name = name;
  v->size = size;
  v->managed = managed;
  registry().vars[host] = std::move(v);
}
KernelEntry* find_kernel(const void* host) {
  std::lock_guard lock(runtime_mutex());
  auto it = registry().kernels.find(host);
  if (it != registry().kernels.end()) return it->second.get();
  for (auto& [h, k] : registry().kernels)  // a handle of __cudaGetKernel
    if (k.get() == host) return k.get();
  return nullptr;
}
VarEntry* find_var(const void* host) {
  std::lock_guard lock(runtime_mutex());
  auto it = registry().vars.find(host);
  return it == registry().vars.end() ? nullptr : it->second.get();
}

static void unsupported(const std::string& text) {
  Finding f;
  f.check = Check::kUnsupported;
  f.text = text;
  report(std::move(f));
}

// --save-ptx: the text whose lines the reports name, one file per module.
static void save_ptx(const FatbinPtx& ptx) {
  const char* dir = std::getenv("CUDASIM_SAVE_PTX");
  if (!dir || !*dir) return;
  static unsigned serial = 0;
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error).filename();
  const std::filesystem::path path = std::filesystem::path(dir) / (program.string() + "." + std::to_string(++serial) +
                                                                   ".compute_" + ptx.arch + ".ptx");
  std::ofstream out(path, std::ios::binary);
  out << ptx.text;
  if (!out.flush())
    std::fprintf(stderr, "cudasim: cannot write %s; check that the folder of --save-ptx is writable.\n", path.c_str());
}

Module* module_of(FatModule* m) {
  std::lock_guard lock(runtime_mutex());
  if (m->module || m->failed) return m->module.get();
  FatbinPtx ptx = find_ptx(m->wrapper, device_arch());
  if (ptx.text.empty()) {
    m->failed = true;
    unsupported(ptx.error);
    return nullptr;
  }
  save_ptx(ptx);
  const FatbinCode code = find_code(m->wrapper, device_arch());
  m->registers = cubin_registers(code.elf);
  m->runs_machine_code = code.arch / 10 == device_arch() / 10;
  try {
    auto* hooks = new Hooks;  // lives as long as the module, that is, the process
    hooks->owner = m;
    m->module = std::make_unique<Module>(std::move(ptx.text), hooks);
  } catch (const SimError& e) {
    m->failed = true;
    unsupported(e.what());
  }
  return m->module.get();
}

Function* function_of(KernelEntry* k) {
  Module* m = module_of(k->owner);
  if (!m) return nullptr;
  try {
    Function* f = m->entry(k->name);
    if (!f) unsupported("The program's PTX has no kernel " + k->name + ".");
    return f;
  } catch (const SimError& e) {
    unsupported(e.what());
    return nullptr;
  }
}

uint64_t address_of(VarEntry* v) {
  Module* m = module_of(v->owner);
  const GlobalVar* g = m ? m->global(v->name) : nullptr;
  return g ? g->address : 0;
}

void init_managed() {
  std::lock_guard lock(runtime_mutex());
  for (auto& [host, v] : registry().vars)
    if (v->managed) *v->managed = reinterpret_cast<void*>(address_of(v.get()));
}

}  // namespace cudasim
