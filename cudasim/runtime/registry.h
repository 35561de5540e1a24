// What the program registered: fat binaries, kernels and variables. A module is parsed on the first use of one of its
// kernels or variables.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ptx/module.h"
#include "sim/options.h"

namespace cudasim {

struct FatModule {
  const void* wrapper = nullptr;
  std::unique_ptr<Module> module;
  std::unordered_map<std::string, uint32_t> registers;  // per thread, by kernel, as ptxas allotted them
  bool runs_machine_code = false;                       // these are the registers of this very device
  bool failed = false;
};

struct KernelEntry {
  FatModule* owner = nullptr;
  std::string name;  // mangled
  const void* host = nullptr;
  // cudaFuncAttributeMaxDynamicSharedMemorySize, by device.
  std::vector<uint32_t> dynamic_shared_limit = std::vector<uint32_t>(size_t(options().devices), 48 * 1024);
};

struct VarEntry {
  FatModule* owner = nullptr;
  std::string name;
  uint64_t size = 0;
  void** managed = nullptr;  // where the host keeps the pointer of a managed variable
};

FatModule* register_fatbin(const void* wrapper);
void unregister_fatbin(FatModule* m);
void register_kernel(FatModule* m, const void* host, const char* name);
void register_var(FatModule* m, const void* host, const char* name, uint64_t size, void** managed);

KernelEntry* find_kernel(const void* host);
VarEntry* find_var(const void* host);

// Parses the module if need be. Null after printing why not.
Module* module_of(FatModule* m);
Function* function_of(KernelEntry* k);
uint64_t address_of(VarEntry* v);  // device address, 0 if the module has no such variable
void init_managed();

}  // namespace cudasim
