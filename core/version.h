// The version of this library, as the build was told: "1.2.3".
#pragma once

#include <string>

namespace sclip {

std::string version();

}  // namespace sclip
