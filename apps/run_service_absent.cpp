#include "apps/run_service.h"
#include "sclip/error.h"

namespace sclip {

int run_service(const ModelFlags&, const ServeOptions&, bool) {
  fail(ErrorCode::kUnsupported, "this build has no service: install ", SCLIP_SERVER_LACKS, " and build again");
}

}  // namespace sclip
