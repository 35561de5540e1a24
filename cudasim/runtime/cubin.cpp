#include "runtime/cubin.h"

#include <elf.h>

#include <cstring>

namespace cudasim {

namespace {

// The section .nv.info: attributes of a format byte, a kind byte and two more, which are the value or its size.
constexpr uint8_t kFormatSized = 4, kRegisterCount = 0x2F;

struct Attribute {
  uint8_t format, kind;
  uint16_t size;
};
struct RegisterCount {
  uint32_t symbol, registers;
};

template <class T>
bool read(std::string_view bytes, uint64_t at, T* out) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return false;
  std::memcpy(out, bytes.data() + at, sizeof(T));
  return true;
}

std::string_view name_at(std::string_view table, uint64_t at) {
  if (at >= table.size()) return {};
  return table.substr(at, table.find('\0', at) - at);
}

struct Elf {
  std::string_view bytes;
  Elf64_Ehdr header{};
  bool valid() {
    return read(bytes, 0, &header) && std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
           header.e_ident[EI_CLASS] == ELFCLASS64;
  }
  bool section(uint32_t i, Elf64_Shdr* s) const {
    return i < header.e_shnum && read(bytes, header.e_shoff + uint64_t(i) * header.e_shentsize, s);
  }
  std::string_view contents(uint32_t i) const {
    Elf64_Shdr s;
    return section(i, &s) && s.sh_offset <= bytes.size() ? bytes.substr(s.sh_offset, s.sh_size) : std::string_view{};
  }
};

}  // namespace

std::unordered_map<std::string, uint32_t> cubin_registers(std::string_view bytes) {
  std::unordered_map<std::string, uint32_t> out;
  Elf elf{bytes};
  if (!elf.valid()) return out;
  std::string_view info, symbols, symbol_names;
  Elf64_Shdr s;
  for (uint32_t i = 0; elf.section(i, &s); ++i) {
    if (name_at(elf.contents(elf.header.e_shstrndx), s.sh_name) == ".nv.info") info = elf.contents(i);
    if (s.sh_type != SHT_SYMTAB) continue;
    symbols = elf.contents(i);
    symbol_names = elf.contents(s.sh_link);
  }
  Attribute a;
  for (uint64_t at = 0; read(info, at, &a); at += sizeof a + (a.format == kFormatSized ? a.size : 0)) {
    RegisterCount count;
    Elf64_Sym symbol;
    if (a.format != kFormatSized || a.kind != kRegisterCount || !read(info, at + sizeof a, &count)) continue;
    if (read(symbols, count.symbol * sizeof symbol, &symbol))
      out[std::string(name_at(symbol_names, symbol.st_name))] = count.registers;
  }
  return out;
}

}  // namespace cudasim
