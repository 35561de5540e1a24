#include "core/buffer.h"

#include <sys/mman.h>

#include "sclip/error.h"

namespace sclip {

void* allocate_aligned(size_t bytes) {
  constexpr size_t kHugePage = size_t{2} << 20;
  const bool large = bytes >= kHugePage;
  const size_t alignment = large ? kHugePage : 64;
  const size_t rounded = (bytes + 63) / 64 * 64;
  void* p = nullptr;
  SCLIP_CHECK(posix_memalign(&p, alignment, rounded) == 0, kOutOfMemory, "cannot allocate ", rounded, " bytes");
#ifdef MADV_HUGEPAGE
  // Whole huge pages only: a rest would take 2 MiB for what may be a few bytes. Advice: a refusal changes nothing.
  if (large) madvise(p, rounded / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return p;
}

}  // namespace sclip
