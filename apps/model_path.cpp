#include "apps/model_path.h"

#include <cstdlib>
#include <system_error>

#include "sclip/error.h"

namespace sclip {

namespace fs = std::filesystem;

fs::path find_model(const std::string& given) {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  return find_model(given, executable.parent_path());
}

fs::path find_model(const std::string& given, const fs::path& executable_folder) {
  if (!given.empty()) return given;
  if (const char* from_environment = std::getenv("SCLIP_MODEL"); from_environment != nullptr && *from_environment) {
    return from_environment;
  }
  const fs::path in_tree = "weights/demo/demo-clip.sclip";
  const fs::path above = executable_folder.parent_path();
  std::string tried;
  for (const fs::path& candidate : {executable_folder / in_tree, above / in_tree, above.parent_path() / in_tree,
                                    above / "share/sclip/demo-clip.sclip"}) {
    std::error_code error;
    if (fs::is_regular_file(candidate, error)) return candidate;
    tried += (tried.empty() ? "" : ", ") + candidate.string();
  }
  fail(ErrorCode::kNotFound, "no model: give one with --model or SCLIP_MODEL; the bundled demo model is not at ",
       tried);
}

}  // namespace sclip
