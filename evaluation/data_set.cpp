#include "evaluation/data_set.h"

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "core/file.h"
#include "evaluation/class_ids.h"
#include "io/decode/formats.h"
#include "sclip/error.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

std::string with_split(std::string_view pattern, const std::string& split) {
  constexpr std::string_view kMark = "{split}";
  std::string out(pattern);
  for (size_t at; (at = out.find(kMark)) != std::string::npos;) out.replace(at, kMark.size(), split);
  return out;
}

bool has_split(const Layout& layout) {
  for (const std::string_view text : {layout.images, layout.masks, layout.list}) {
    if (text.find("{split}") != std::string_view::npos) return true;
  }
  return false;
}

// A layout with its folders at one place.
struct Place {
  const Layout* layout;
  fs::path folder, images, masks, list;
  std::string split;
};

Place place(const Layout& layout, const fs::path& folder, const std::string& split) {
  Place out{&layout, folder, {}, {}, {}, has_split(layout) ? (split.empty() ? std::string(layout.split) : split) : ""};
  out.images = folder / with_split(layout.images, out.split);
  out.masks = folder / with_split(layout.masks, out.split);
  if (!layout.list.empty()) out.list = folder / with_split(layout.list, out.split);
  return out;
}

// The mask of a photo: the first of the layout's endings that is there, else the name that it should have.
fs::path mask_of(const Place& place, const std::string& name) {
  const auto& suffixes = place.layout->mask_suffixes;
  for (const std::string_view suffix : suffixes) {
    if (fs::path mask = place.masks / (name + std::string(suffix)); is_file(mask)) return mask;
  }
  return place.masks / (name + std::string(suffixes.front()));
}

// "frankfurt/frankfurt_000000_000294" of a photo's path below the images; nothing for other files.
std::optional<std::string> name_of(const fs::path& relative, std::string_view suffix) {
  std::string name = relative.generic_string();
  if (relative.filename().string().starts_with('.')) return std::nullopt;
  if (!suffix.empty()) {
    if (!name.ends_with(suffix)) return std::nullopt;
    return name.substr(0, name.size() - suffix.size());
  }
  if (!has_picture_extension(relative)) return std::nullopt;
  return fs::path(relative).replace_extension().generic_string();
}

void read_folder(const Place& place, DataSet& out) {
  std::error_code error;
  fs::recursive_directory_iterator entry(place.images, fs::directory_options::follow_directory_symlink, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const fs::path& path = entry->path();
    const auto name = name_of(path.lexically_relative(place.images), place.layout->photo_suffix);
    if (!name || !is_file(path)) continue;
    fs::path mask = mask_of(place, *name);
    if (is_file(mask)) {
      out.samples.push_back({*name, path, std::move(mask)});
    } else {
      out.without_mask.push_back(path);
    }
  }
  if (error) fail(ErrorCode::kIo, "cannot search the folder ", place.images.string(), ": ", error.message());
  std::sort(out.without_mask.begin(), out.without_mask.end());
}

// A line of a list is a name, or the path of the photo as it lies in the set's folder.
std::string listed_name(std::string line, const Place& place) {
  const std::string images = with_split(place.layout->images, place.split) + "/";
  if (line.starts_with(images)) line = line.substr(images.size());
  const fs::path path(line);
  return has_picture_extension(path) ? fs::path(path).replace_extension().generic_string() : line;
}

fs::path photo_of(const Place& place, const std::string& name) {
  if (!place.layout->photo_suffix.empty()) return place.images / (name + std::string(place.layout->photo_suffix));
  for (const std::string_view ending : {".jpg", ".png", ".jpeg", ".JPG", ".webp", ".bmp", ".tif"}) {
    if (fs::path photo = place.images / (name + std::string(ending)); is_file(photo)) return photo;
  }
  return place.images / (name + ".jpg");
}

void read_list(const Place& place, DataSet& out) {
  const std::string text = read_text_file(place.list);
  std::set<std::string> seen;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.pop_back();
    if (line.empty()) continue;
    SCLIP_CHECK(line.find('\0') == std::string::npos && line.size() < 4096, kInvalidArgument, "the list ",
                place.list.string(), " is no list of names, one a line");
    std::string name = listed_name(std::move(line), place);
    if (!seen.insert(name).second) continue;
    fs::path photo = photo_of(place, name), mask = mask_of(place, name);
    if (!is_file(photo) && !is_file(mask)) {
      out.missing.push_back(std::move(name));
    } else {  // half of a pair is an error of that photo, told when it is read
      out.samples.push_back({std::move(name), std::move(photo), std::move(mask)});
    }
  }
}

std::string described(const Place& place) {
  std::string out = place.images.string() + " with " + place.masks.string();
  if (!place.list.empty()) out += " and " + place.list.string();
  return out;
}

// classes.txt beside the images, or in the folder above a split.
fs::path classes_file(const Place& place) {
  for (const fs::path& folder : {place.images.parent_path(), place.folder}) {
    if (is_file(folder / "classes.txt")) return folder / "classes.txt";
  }
  fail(ErrorCode::kNotFound, "no classes.txt in ", place.folder.string(),
       ": write one there, a class a line, the first being number 0, or '7 sky' with the masks' numbers");
}

ListedClasses read_classes(const DataSetKind& kind, const Place& place) {
  if (kind.class_file.empty()) {
    const fs::path file = classes_file(place);
    return parse_listed_classes(read_text_file(file), file.string());
  }
  ClassList classes = parse_class_file(builtin_class_file(kind.class_file), kind.class_file);
  const size_t count = classes.size();
  return {std::move(classes), MaskRule(place.layout->rule, count), {}};
}

bool is_there(const Place& place) {
  return is_folder(place.images) && is_folder(place.masks) && (place.list.empty() || is_file(place.list));
}

}  // namespace

DataSet open_data_set(const DataSetKind& kind, const fs::path& root, const std::string& split) {
  SCLIP_CHECK(is_folder(root), kNotFound, "there is no folder ", root.string());
  std::vector<fs::path> folders = {root};
  for (const std::string_view below : kind.places) folders.push_back(root / below);
  std::string tried;
  for (const fs::path& folder : folders) {
    for (const Layout& layout : kind.layouts) {
      const Place here = place(layout, folder, split);
      if (!split.empty() && here.split.empty()) continue;
      if (folder == root || is_folder(folder)) tried += (tried.empty() ? "" : "; ") + described(here);
      if (!is_there(here)) continue;
      DataSet out{.kind = &kind,
                  .layout = &layout,
                  .folder = folder,
                  .split = here.split,
                  .classes = parse_class_file("unread", "unread"),
                  .rule = MaskRule(MaskRuleKind::kAsStored, 1),
                  .ignored = {},
                  .samples = {},
                  .without_mask = {},
                  .missing = {}};
      if (here.list.empty()) {
        read_folder(here, out);
      } else {
        read_list(here, out);
      }
      if (out.samples.empty()) continue;
      std::sort(out.samples.begin(), out.samples.end(),
                [](const Sample& a, const Sample& b) { return a.name < b.name; });
      ListedClasses listed = read_classes(kind, here);
      out.classes = std::move(listed.classes);
      out.rule = std::move(listed.rule);
      out.ignored = std::move(listed.ignored);
      return out;
    }
  }
  fail(ErrorCode::kNotFound, "no photos with masks of ", kind.title, split.empty() ? "" : ", split " + split, " in ",
       root.string(), "; looked for ", tried);
}

}  // namespace sclip
