// What ptxas wrote into a program's machine code about its kernels.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace cudasim {

// Registers per thread by kernel; empty when the ELF cannot be read.
std::unordered_map<std::string, uint32_t> cubin_registers(std::string_view elf);

}  // namespace cudasim
