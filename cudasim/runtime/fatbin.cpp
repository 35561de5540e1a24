#include "runtime/fatbin.h"

#include <zstd.h>

#include <cstring>

namespace cudasim {

namespace {
constexpr uint32_t kWrapperMagic = 0x466243B1, kContainerMagic = 0xBA55ED50;
constexpr uint16_t kKindPtx = 1;
constexpr uint64_t kFlagLz4 = 0x2000, kFlagZstd = 0x8000;

struct Wrapper { uint32_t magic, version; const void* data; void* extra; };
struct Container { uint32_t magic; uint16_t version, header_bytes; uint64_t bytes; };
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
}  // namespace

FatbinPtx find_ptx(const void* wrapper, uint32_t device_arch) {
  FatbinPtx best;
  const Wrapper* w = static_cast<const Wrapper*>(wrapper);
  if (w->magic != kWrapperMagic) {
    best.error = "The program's fat binary has an unknown format; build it with nvcc 13.";
    return best;
  }
  const uint8_t* p = static_cast<const uint8_t*>(w->data);
  Container c;
  std::memcpy(&c, p, sizeof c);
  if (c.magic != kContainerMagic) {
    best.error = "The program's fat binary container has an unknown format; build it with nvcc 13.";
    return best;
  }
  const uint8_t* end = p + c.header_bytes + c.bytes;
  std::string seen;
  bool lz4 = false;
  for (p += c.header_bytes; p + sizeof(Entry) <= end;) {
    Entry e;
    std::memcpy(&e, p, sizeof e);
    if (e.header_bytes < sizeof(Entry) || e.bytes > uint64_t(end - p)) break;
    const uint8_t* data = p + e.header_bytes;
    p = data + e.bytes;
    seen += (seen.empty() ? "" : ", ") + std::string(e.kind == kKindPtx ? "PTX of compute_" : "code of sm_") + std::to_string(e.arch);
    if (e.kind != kKindPtx || e.arch > device_arch || e.arch < best.arch) continue;
    if (e.flags & kFlagZstd) {
      std::string text(e.uncompressed_bytes, '\0');
      const size_t n = ZSTD_decompress(text.data(), text.size(), data, e.compressed_bytes ? e.compressed_bytes : e.bytes);
      if (ZSTD_isError(n)) { best.error = std::string("The compressed PTX of the program is damaged: ") + ZSTD_getErrorName(n) + "."; continue; }
      text.resize(n);
      best.text = std::move(text);
    } else if (e.flags & kFlagLz4) {
      lz4 = true;
      continue;
    } else {
      best.text.assign(reinterpret_cast<const char*>(data), e.bytes);
    }
    best.arch = e.arch;
    if (const size_t zero = best.text.find('\0'); zero != std::string::npos) best.text.resize(zero);
  }
  if (best.text.empty() && best.error.empty())
    best.error = lz4 ? "The program's PTX is compressed with LZ4, which cudasim does not read; build it with nvcc 13 or with -Xfatbin -compress=false."
                     : "The program has no PTX that a compute_" + std::to_string(device_arch) + " device can run (it has " + (seen.empty() ? "nothing" : seen) +
                           "); build it with -gencode arch=compute_80,code=[sm_80,compute_80].";
  return best;
}

}  // namespace cudasim
