// Finds the PTX and the machine code in the fat binary that nvcc puts into a program.
#pragma once
#include <cstdint>
#include <string>

namespace cudasim {

struct FatbinPtx {
  std::string text;   // empty: none usable
  std::string arch;   // of the chosen text: 80, 90a
  std::string error;  // a whole sentence when text is empty
};

// wrapper: the argument of __cudaRegisterFatBinary. The newest PTX not above device_arch (80 = sm_80) wins, and
// before it what was made for that very device (compute_90a).
FatbinPtx find_ptx(const void* wrapper, uint32_t device_arch);

struct FatbinCode {
  std::string elf;  // empty: none
  uint32_t arch = 0;
};

// The machine code of the newest architecture not above device_arch; empty if there is none.
FatbinCode find_code(const void* wrapper, uint32_t device_arch);

}  // namespace cudasim
