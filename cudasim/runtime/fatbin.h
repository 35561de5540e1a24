// Finds the PTX and the machine code in the fat binary that nvcc puts into a program.
#pragma once
#include <cstdint>
#include <string>

namespace cudasim {

struct FatbinPtx {
  std::string text;   // empty: none usable
  uint32_t arch = 0;  // of the chosen text
  std::string error;  // a whole sentence when text is empty
};

// wrapper: the argument of __cudaRegisterFatBinary. The newest PTX not above device_arch (80 = sm_80) wins.
FatbinPtx find_ptx(const void* wrapper, uint32_t device_arch);

struct FatbinCode {
  std::string elf;  // empty: none
  uint32_t arch = 0;
};

// The machine code of the newest architecture not above device_arch; empty if there is none.
FatbinCode find_code(const void* wrapper, uint32_t device_arch);

}  // namespace cudasim
