// A service from its start to SIGTERM; in a build without one, what is missing.
#pragma once

#include "apps/run_options.h"
#include "server/serve_options.h"

namespace sclip {

int run_service(const ModelFlags& model, const ServeOptions& options, bool quiet);

}  // namespace sclip
