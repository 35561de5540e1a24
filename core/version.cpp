#include "core/version.h"

namespace sclip {

std::string version() {
  return SCLIP_VERSION;
}

}  // namespace sclip
