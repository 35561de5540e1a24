#include "apps/photo_list.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "results/output_kinds.h"
#include "sclip/error.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

struct Found {
  fs::path photo;
  fs::path relative;  // to the output folder, with the photo's extension
};

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) && !error;
}

void search_folder(const fs::path& root, const fs::path& prefix, const fs::path& out, std::vector<Found>& found) {
  const bool writes_here = same_file(root, out);
  std::vector<Found> here;
  std::error_code error;
  fs::recursive_directory_iterator entry(root, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const fs::path& path = entry->path();
    const std::string name = path.filename().string();
    const bool left_out = name.starts_with('.') || (writes_here && is_output_name(name));
    if (entry->is_directory(error)) {
      if (left_out || same_file(path, out)) entry.disable_recursion_pending();
    } else if (!left_out && looks_like_photo(path)) {
      here.push_back({path, prefix / path.lexically_relative(root)});
    }
    error.clear();  // a broken link is no reason to stop
  }
  if (error) fail(ErrorCode::kIo, "cannot search the folder ", root.string(), ": ", error.message());
  std::sort(here.begin(), here.end(), [](const Found& a, const Found& b) { return a.photo < b.photo; });
  found.insert(found.end(), here.begin(), here.end());
}

fs::path last_name(const fs::path& folder) {
  const fs::path normal = fs::absolute(folder).lexically_normal();
  return normal.has_filename() ? normal.filename() : normal.parent_path().filename();
}

}  // namespace

bool looks_like_photo(const fs::path& path) {
  static constexpr std::array<std::string_view, 11> kExtensions = {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif",
                                                                   ".tga", ".psd",  ".ppm", ".pgm", ".pnm"};
  std::string extension = path.extension().string();
  for (char& c : extension) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

std::vector<PhotoJob> list_photos(std::span<const std::string> inputs, const fs::path& out) {
  SCLIP_CHECK(!inputs.empty(), kInvalidArgument, "no photo: give a picture or a folder of pictures");
  std::vector<Found> found;
  size_t folders = 0;
  for (const std::string& input : inputs) {
    std::error_code error;
    folders += fs::is_directory(input, error) ? 1 : 0;
  }
  for (const std::string& input : inputs) {
    std::error_code error;
    const fs::file_status status = fs::status(input, error);
    if (!fs::exists(status)) {
      fail(ErrorCode::kNotFound, "cannot open ", input, ": ", error ? error.message() : "No such file or directory");
    }
    if (fs::is_directory(status)) {
      search_folder(input, folders > 1 ? last_name(input) : fs::path(), out, found);
    } else {
      found.push_back({input, fs::path(input).filename()});
    }
  }
  SCLIP_CHECK(!found.empty(), kNotFound, "no picture in ", inputs.front(),
              ": a folder is searched for .jpg, .png, .bmp, .gif, .tga, .psd and .ppm files");
  if (inputs.size() == 1 && folders == 0) return {{found[0].photo, {out, ""}}};

  std::map<fs::path, int> sharers;
  for (const Found& f : found) ++sharers[fs::path(f.relative).replace_extension()];
  std::set<fs::path> taken;
  std::vector<PhotoJob> jobs;
  for (const Found& f : found) {
    fs::path name = fs::path(f.relative).replace_extension();
    if (sharers[name] > 1) name = f.relative;
    const fs::path first = name;
    for (int n = 2; !taken.insert(name).second; ++n) name = first.string() + "-" + std::to_string(n);
    jobs.push_back({f.photo, {(out / name).parent_path(), name.filename().string() + "."}});
  }
  return jobs;
}

}  // namespace sclip
