#include "runtime/fatbin.h"

#include <zstd.h>

#include <cstring>

namespace cudasim {

namespace {
constexpr uint32_t kWrapperMagic = 0x466243B1, kContainerMagic = 0xBA55ED50;
constexpr uint16_t kKindPtx = 1, kKindElf = 2;
constexpr uint64_t kFlagLz4 = 0x2000, kFlagZstd = 0x8000;
constexpr uint64_t kFlagSpecific = 0x100000, kFlagFamily = 0x200000;  // compute_90a and compute_100f

struct Wrapper {
  uint32_t magic, version;
  const void* data;
  void* extra;
};
struct Container {
  uint32_t magic;
  uint16_t version, header_bytes;
  uint64_t bytes;
};
struct Entry {
  uint16_t kind, version;
  uint32_t header_bytes;
  uint64_t bytes;
  uint32_t compressed_bytes, options_offset;
  uint16_t minor, major;
  uint32_t arch, name_offset, name_bytes;
  uint64_t flags, zero, uncompressed_bytes;
};
static_assert(sizeof(Entry) == 64);

// Whether a device runs the entry: PTX and code of compute_90a only on compute capability 9.0, of compute_100f on 10.x.
bool runs(const Entry& e, uint32_t device_arch) {
  if (e.flags & kFlagSpecific) return e.arch == device_arch;
  if (e.flags & kFlagFamily) return e.arch / 10 == device_arch / 10 && e.arch <= device_arch;
  return e.arch <= device_arch;
}
// The better of two that run has the higher rank.
uint32_t rank(const Entry& e) {
  return e.arch * 4 + (e.flags & kFlagSpecific ? 2 : e.flags & kFlagFamily ? 1 : 0);
}
std::string arch_name(const Entry& e) {
  return std::to_string(e.arch) + (e.flags & kFlagSpecific ? "a" : e.flags & kFlagFamily ? "f" : "");
}

// Calls visit(entry, data) for each entry; false when this is no fat binary, with the reason in *error.
template <class F>
bool for_entries(const void* wrapper, std::string* error, F visit) {
  const Wrapper* w = static_cast<const Wrapper*>(wrapper);
  if (w->magic != kWrapperMagic) {
    *error = "The program's fat binary has an unknown format; build it with nvcc 13.";
    return false;
  }
  const uint8_t* p = static_cast<const uint8_t*>(w->data);
  Container c;
  std::memcpy(&c, p, sizeof c);
  if (c.magic != kContainerMagic) {
    *error = "The program's fat binary container has an unknown format; build it with nvcc 13.";
    return false;
  }
  const uint8_t* end = p + c.header_bytes + c.bytes;
  for (p += c.header_bytes; p + sizeof(Entry) <= end;) {
    Entry e;
    std::memcpy(&e, p, sizeof e);
    if (e.header_bytes < sizeof(Entry) || e.header_bytes > uint64_t(end - p) ||
        e.bytes > uint64_t(end - p) - e.header_bytes)
      break;
    visit(e, p + e.header_bytes);
    p += e.header_bytes + e.bytes;
  }
  return true;
}

// The contents of an entry, decompressed; empty after setting *error.
std::string payload(const Entry& e, const uint8_t* data, std::string* error) {
  if (!(e.flags & kFlagZstd)) return std::string(reinterpret_cast<const char*>(data), e.bytes);
  std::string out(e.uncompressed_bytes, '\0');
  const size_t n = ZSTD_decompress(out.data(), out.size(), data, e.compressed_bytes ? e.compressed_bytes : e.bytes);
  if (ZSTD_isError(n)) {
    *error = ZSTD_getErrorName(n);
    return {};
  }
  out.resize(n);
  return out;
}
}  // namespace

FatbinPtx find_ptx(const void* wrapper, uint32_t device_arch) {
  FatbinPtx best;
  std::string seen;
  bool lz4 = false;
  uint32_t best_rank = 0;
  const bool known = for_entries(wrapper, &best.error, [&](const Entry& e, const uint8_t* data) {
    seen +=
        (seen.empty() ? "" : ", ") + std::string(e.kind == kKindPtx ? "PTX of compute_" : "code of sm_") + arch_name(e);
    if (e.kind != kKindPtx || !runs(e, device_arch) || rank(e) < best_rank) return;
    if (!(e.flags & kFlagZstd) && (e.flags & kFlagLz4)) {
      lz4 = true;
      return;
    }
    std::string damage, text = payload(e, data, &damage);
    if (!damage.empty()) {
      best.error = "The compressed PTX of the program is damaged: " + damage + ".";
      return;
    }
    if (const size_t zero = text.find('\0'); zero != std::string::npos) text.resize(zero);
    best.text = std::move(text);
    best.arch = arch_name(e);
    best_rank = rank(e);
  });
  if (known && best.text.empty() && best.error.empty())
    best.error = lz4 ? "The program's PTX is compressed with LZ4, which cudasim does not read; build it with nvcc 13 "
                       "or with -Xfatbin -compress=false."
                     : "The program has no PTX that a compute_" + std::to_string(device_arch) +
                           " device can run (it has " + (seen.empty() ? "nothing" : seen) +
                           "); build it with -gencode arch=compute_80,code=[sm_80,compute_80].";
  return best;
}

FatbinCode find_code(const void* wrapper, uint32_t device_arch) {
  FatbinCode best;
  std::string ignored;
  uint32_t best_rank = 0;
  for_entries(wrapper, &ignored, [&](const Entry& e, const uint8_t* data) {
    if (e.kind != kKindElf || !runs(e, device_arch) || rank(e) < best_rank) return;
    // nvcc puts an ELF without kernels in front of the one that has them.
    std::string elf = payload(e, data, &ignored);
    if (elf.empty()) return;
    best.elf = std::move(elf);
    best.arch = e.arch;
    best_rank = rank(e);
  });
  return best;
}

}  // namespace cudasim
