#include "apps/photo_list.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "apps/console.h"
#include "apps/line_list.h"
#include "io/decode/formats.h"
#include "results/own_files.h"
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

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// The format that a file's name promises and that is not read here; empty for every other file.
std::string_view foreign_format(const fs::path& path) {
  static constexpr std::pair<std::string_view, std::string_view> kNeverRead[] = {
      {".jp2", "JPEG 2000"},    {".j2k", "JPEG 2000"}, {".jxl", "JPEG XL"}, {".exr", "OpenEXR"},
      {".hdr", "Radiance HDR"}, {".ico", "ICO"},       {".pcx", "PCX"},     {".svg", "SVG"},
      {".dng", "raw"},          {".cr2", "raw"},       {".cr3", "raw"},     {".nef", "raw"},
      {".arw", "raw"},          {".orf", "raw"},       {".raf", "raw"},     {".rw2", "raw"}};
  const std::string extension = lower(path.extension().string());
  for (const auto& [ending, name] : kNeverRead) {
    if (extension == ending) return name;
  }
  for (const PictureFormat& format : picture_formats()) {
    const auto& endings = format.extensions;
    if (std::find(endings.begin(), endings.end(), extension) != endings.end()) return format.name;
  }
  return {};
}

class Search {
 public:
  Search(const fs::path& out, PhotoList& list) : out_(out), list_(list) {}

  void folder(const fs::path& root, const fs::path& prefix, std::vector<Found>& found) {
    std::vector<Found> here;
    std::error_code error;
    fs::recursive_directory_iterator entry(root, fs::directory_options::skip_permission_denied, error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      const fs::path& path = entry->path();
      const bool hidden = path.filename().string().starts_with('.');
      if (entry->is_directory(error)) {
        if (hidden || same_file(path, out_)) {
          entry.disable_recursion_pending();
        } else if (!entry->is_symlink(error) && ::access(path.c_str(), R_OK | X_OK) != 0) {
          list_.locked.push_back(path.string());
        }
      } else if (!hidden) {
        file(path, prefix / path.lexically_relative(root), here);
      }
      error.clear();  // a broken link is no reason to stop
    }
    if (error) fail(ErrorCode::kIo, "cannot search the folder ", root.string(), ": ", error.message());
    std::sort(here.begin(), here.end(), [](const Found& a, const Found& b) { return a.photo < b.photo; });
    found.insert(found.end(), here.begin(), here.end());
  }

 private:
  void file(const fs::path& path, const fs::path& relative, std::vector<Found>& found) {
    if (!has_picture_extension(path)) {
      if (const auto format = foreign_format(path); !format.empty()) ++list_.foreign[std::string(format)];
    } else if (written_by_sclip(path)) {
      ++list_.own_outputs;
    } else {
      found.push_back({path, relative});
    }
  }

  const fs::path& out_;
  PhotoList& list_;
};

fs::path last_name(const fs::path& folder) {
  const fs::path normal = fs::absolute(folder).lexically_normal();
  return normal.has_filename() ? normal.filename() : normal.parent_path().filename();
}

}  // namespace

std::string PhotoList::left_out() const {
  std::vector<std::string> parts;
  if (own_outputs > 0) parts.push_back(counted(own_outputs, "file") + " that sclip wrote");
  size_t files = 0;
  std::string formats;
  for (const auto& [format, count] : foreign) {
    files += count;
    formats += (formats.empty() ? "" : ", ") + format;
  }
  if (files > 0) parts.push_back(counted(files, "picture") + " of formats that are not read (" + formats + ")");
  if (!locked.empty()) {
    parts.push_back(counted(locked.size(), "folder") + " without permission to search (" + one_line(locked.front()) +
                    (locked.size() > 1 ? ", …)" : ")"));
  }
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) out += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  return out.empty() ? out : "left out: " + out;
}

PhotoList list_photos(std::span<const std::string> inputs, const fs::path& out, bool named) {
  SCLIP_CHECK(!inputs.empty(), kInvalidArgument, "no photo: give a picture or a folder of pictures");
  SCLIP_CHECK(std::count(inputs.begin(), inputs.end(), kStandardInput) <= 1, kInvalidArgument,
              "'-' is given twice: standard input holds one picture");
  PhotoList list;
  std::vector<Found> found;
  size_t folders = 0;
  for (const std::string& input : inputs) {
    std::error_code error;
    folders += fs::is_directory(input, error) ? 1 : 0;
  }
  Search search(out, list);
  for (const std::string& input : inputs) {
    if (input == kStandardInput) {
      found.push_back({input, "stdin"});
      continue;
    }
    std::error_code error;
    const fs::file_status status = fs::status(input, error);
    if (!fs::exists(status)) {
      fail(ErrorCode::kNotFound, "cannot open ", input, ": ", error ? error.message() : "No such file or directory");
    }
    if (fs::is_directory(status)) {
      search.folder(input, folders > 1 ? last_name(input) : fs::path(), found);
    } else {
      SCLIP_CHECK(fs::is_regular_file(status), kIo, "cannot read ", input,
                  ": not a regular file; a picture from a pipe is given as '-' on standard input");
      found.push_back({input, fs::path(input).filename()});
    }
  }
  SCLIP_CHECK(!found.empty(), kNotFound, "no picture in ", inputs.front(),
              ": a folder is searched for files called like a picture (", decoded_formats(), ")",
              list.left_out().empty() ? "" : "; " + list.left_out());
  if (inputs.size() == 1 && folders == 0 && !named) {
    list.jobs = {{found[0].photo, {out, ""}}};
    return list;
  }

  const auto same_name = [](const fs::path& path) { return lower(path.string()); };
  std::map<std::string, int> sharers;
  for (const Found& f : found) ++sharers[same_name(fs::path(f.relative).replace_extension())];
  std::set<std::string> taken;
  for (const Found& f : found) {
    fs::path name = fs::path(f.relative).replace_extension();
    if (sharers[same_name(name)] > 1) name = f.relative;
    const fs::path first = name;
    for (int n = 2; !taken.insert(same_name(name)).second; ++n) name = first.string() + "-" + std::to_string(n);
    list.jobs.push_back({f.photo, {(out / name).parent_path(), name.filename().string() + "."}});
  }
  return list;
}

std::vector<std::string> gather_inputs(std::span<const std::string> inputs, const std::string& files_from) {
  std::vector<std::string> all(inputs.begin(), inputs.end());
  if (files_from.empty()) return all;
  SCLIP_CHECK(files_from != kStandardInput || std::count(inputs.begin(), inputs.end(), kStandardInput) == 0,
              kInvalidArgument, "standard input cannot be both the list of photos and a photo");
  const auto listed = read_line_list(files_from, "--files-from", /*nul_too=*/true);
  all.insert(all.end(), listed.begin(), listed.end());
  return all;
}

}  // namespace sclip
