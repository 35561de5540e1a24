// Where the weights are when nobody says.
#pragma once

#include <filesystem>
#include <string>

namespace sclip {

// `given` if not empty, else $SCLIP_MODEL, else the demo model, beside the executable's source tree
// (weights/demo/demo-clip.sclip, up to two folders above) or its installation (../share/sclip).
// Throws kNotFound, naming where it looked.
std::filesystem::path find_model(const std::string& given);

// The same with the executable's folder given.
std::filesystem::path find_model(const std::string& given, const std::filesystem::path& executable_folder);

}  // namespace sclip
