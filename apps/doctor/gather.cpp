#include <algorithm>
#include <array>
#include <set>
#include <system_error>

#include "apps/doctor/facts.h"
#include "core/file.h"
#include "core/hash.h"
#include "evaluation/class_ids.h"
#include "io/decode/formats.h"
#include "io/label_read.h"
#include "io/picture_file.h"
#include "sclip/error.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::string with_split(std::string_view pattern, const std::string& split) {
  constexpr std::string_view kMark = "{split}";
  std::string out(pattern);
  for (size_t at; (at = out.find(kMark)) != std::string::npos;) out.replace(at, kMark.size(), split);
  return out;
}

// Paths below the folder, sorted; none of a folder that is not there.
std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::follow_directory_symlink, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (is_file(entry->path()) && !entry->path().filename().string().starts_with('.')) {
      out.push_back(entry->path().lexically_relative(folder));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// "a/b" of "a/b.jpg" and of "a/b_leftImg8bit.png"; empty for what has another ending.
std::string without_ending(const fs::path& relative, std::string_view ending) {
  const std::string name = relative.generic_string();
  if (ending.empty())
    return has_picture_extension(relative) ? fs::path(relative).replace_extension().generic_string() : "";
  return name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) : "";
}

std::set<std::string> photo_names(const fs::path& images, const Layout& layout) {
  std::set<std::string> names;
  for (const fs::path& file : files_below(images)) {
    if (std::string name = without_ending(file, layout.photo_suffix); !name.empty()) names.insert(std::move(name));
  }
  return names;
}

// Endings that data sets put behind a photo's name, for the masks that belong to it.
bool belongs_to_photo(const fs::path& mask, const Layout& layout, const std::set<std::string>& photos) {
  for (const std::string_view ending : layout.mask_suffixes) {
    if (const std::string name = without_ending(mask, ending); !name.empty() && photos.contains(name)) return true;
  }
  std::string name = fs::path(mask).replace_extension().generic_string();
  for (size_t end; (end = name.rfind('_')) != std::string::npos;) {
    name.resize(end);
    if (photos.contains(name)) return true;
  }
  return false;
}

// A mask in another picture format than PNG.
fs::path foreign_mask(const fs::path& masks, const std::string& name, const Layout& layout) {
  for (const std::string_view ending : layout.mask_suffixes) {
    const std::string stem = fs::path(std::string(ending)).stem().string();
    const std::string behind = stem == ending || stem == ".png" ? "" : stem;
    for (const char* extension : {".jpg", ".jpeg", ".JPG", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".PNG"}) {
      if (fs::path file = masks / (name + behind + extension); is_file(file)) return file;
    }
  }
  return {};
}

SetPhoto read_photo(const fs::path& file, ThreadPool& pool) {
  SetPhoto out{.file = file, .width = 0, .height = 0, .error = {}, .sha256 = {}};
  try {
    const Image image = load_image(file, pool);
    out.width = image.width;
    out.height = image.height;
  } catch (const Error& error) {
    out.error = error.what();
  }
  return out;
}

SetMask read_mask(const fs::path& file) {
  SetMask out;
  out.file = file;
  try {
    const MappedFile bytes(file);
    const PictureFormat* format = find_picture_format(bytes.bytes(), file.string());
    if (format != nullptr) out.format = std::string(format->name);
    if (out.format == "PNG") {
      const LabelPicture mask = decode_label_png(bytes.bytes(), file.string());
      out.width = mask.width;
      out.height = mask.height;
      out.numbers = count_numbers(mask.labels);
      out.edges = count_edges(mask.labels, mask.width);
    } else {
      const PictureFile picture(file, {});
      out.width = picture.width();
      out.height = picture.height();
    }
  } catch (const Error& error) {
    out.error = error.what();
    out.colours = out.format == "PNG" && error.code() == ErrorCode::kUnsupported;
  }
  return out;
}

// Photos whose files have one size may be one photo.
std::vector<SetPhoto> hash_equals(const std::vector<Sample>& samples, ThreadPool& pool) {
  std::map<uintmax_t, std::vector<fs::path>> by_size;
  for (const Sample& sample : samples) {
    std::error_code error;
    const uintmax_t size = fs::file_size(sample.photo, error);
    if (!error) by_size[size].push_back(sample.photo);
  }
  std::vector<SetPhoto> out;
  for (const auto& [size, files] : by_size) {
    if (files.size() < 2) continue;
    for (const fs::path& file : files)
      out.push_back({.file = file, .width = 0, .height = 0, .error = {}, .sha256 = {}});
  }
  pool.parallel_for(static_cast<int64_t>(out.size()), [&](int64_t i) {
    SetPhoto& photo = out[static_cast<size_t>(i)];
    try {
      photo.sha256 = sha256_hex(MappedFile(photo.file).bytes());
    } catch (const Error& error) {
      photo.error = error.what();
    }
  });
  std::erase_if(out, [](const SetPhoto& photo) { return photo.sha256.empty(); });
  std::sort(out.begin(), out.end(), [](const SetPhoto& a, const SetPhoto& b) { return a.file < b.file; });
  return out;
}

struct Opened {
  const Layout* layout = nullptr;
  fs::path folder;
  std::string split;
  std::vector<Sample> samples;
  std::vector<fs::path> without_mask;
  std::vector<std::string> missing;
  ClassList classes;
  MaskRule rule;
};

// A set whose masks are all of another format: open_data_set sees none.
Opened open_foreign(const DataSetKind& kind, const fs::path& root, const std::string& split, const Error& refusal) {
  std::vector<fs::path> folders = {root};
  for (const std::string_view below : kind.places) folders.push_back(root / below);
  for (const fs::path& folder : folders) {
    for (const Layout& layout : kind.layouts) {
      const std::string part = split.empty() ? std::string(layout.split) : split;
      const fs::path images = folder / with_split(layout.images, part), masks = folder / with_split(layout.masks, part);
      if (!is_folder(images) || !is_folder(masks)) continue;
      Opened out{.layout = &layout,
                 .folder = folder,
                 .split = part,
                 .samples = {},
                 .without_mask = {},
                 .missing = {},
                 .classes = parse_class_argument("unread"),
                 .rule = MaskRule(MaskRuleKind::kAsStored, 1)};
      for (const fs::path& file : files_below(images)) {
        const std::string name = without_ending(file, layout.photo_suffix);
        if (name.empty()) continue;
        if (fs::path mask = foreign_mask(masks, name, layout); !mask.empty()) {
          out.samples.push_back({name, images / file, std::move(mask)});
        } else {
          out.without_mask.push_back(images / file);
        }
      }
      if (out.samples.empty()) continue;
      if (kind.class_file.empty()) {
        const fs::path near = images.parent_path() / "classes.txt", above = folder / "classes.txt";
        const fs::path list = is_file(near) ? near : above;
        if (!is_file(list)) throw refusal;
        ListedClasses listed = parse_listed_classes(read_text_file(list), list.string());
        out.classes = std::move(listed.classes);
        out.rule = std::move(listed.rule);
      } else {
        out.classes = parse_class_file(builtin_class_file(kind.class_file), kind.class_file);
        out.rule = MaskRule(layout.rule, out.classes.size());
      }
      return out;
    }
  }
  throw refusal;
}

Opened open_any(const DataSetKind& kind, const fs::path& root, const std::string& split) {
  try {
    DataSet set = open_data_set(kind, root, split);
    return {.layout = set.layout,
            .folder = set.folder,
            .split = set.split,
            .samples = std::move(set.samples),
            .without_mask = std::move(set.without_mask),
            .missing = std::move(set.missing),
            .classes = std::move(set.classes),
            .rule = std::move(set.rule)};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    return open_foreign(kind, root, split, error);
  }
}

}  // namespace

NumberCounts count_numbers(const std::vector<uint16_t>& labels) {
  NumberCounts counts;
  for (size_t i = 0; i < labels.size();) {
    const size_t begin = i;
    while (i < labels.size() && labels[i] == labels[begin]) ++i;
    counts[labels[begin]] += static_cast<int64_t>(i - begin);
  }
  return counts;
}

EdgeCounts count_edges(const std::vector<uint16_t>& labels, int width) {
  EdgeCounts out;
  const auto columns = static_cast<size_t>(width);
  for (size_t row = 0; row + columns <= labels.size(); row += columns) {
    for (size_t x = 1; x < columns; ++x) {
      const uint16_t before = labels[row + x - 1], here = labels[row + x];
      if (before == here) continue;
      ++out.edges;
      if (x + 1 == columns) continue;
      const uint16_t after = labels[row + x + 1];
      if ((before < here && here < after) || (before > here && here > after)) ++out.ramps;
    }
  }
  return out;
}

DataFacts gather(const DataSetKind& kind, const fs::path& root, const std::string& split, size_t most_masks,
                 ThreadPool& pool) {
  Opened set = open_any(kind, root, split);
  const Layout& layout = *set.layout;
  const fs::path images = set.folder / with_split(layout.images, set.split),
                 masks = set.folder / with_split(layout.masks, set.split);
  DataFacts out{.set = std::string(kind.title),
                .class_file = std::string(kind.class_file),
                .class_names = set.classes.class_names(),
                .rule = set.rule};
  out.missing = std::move(set.missing);

  // Photos without a mask of the right format, but with one of another.
  std::vector<Sample> pairs;
  const auto add = [&](const std::string& name, const fs::path& photo) {
    if (fs::path mask = foreign_mask(masks, name, layout); !mask.empty()) {
      pairs.push_back({name, photo, std::move(mask)});
    } else {
      out.photos_without_mask.push_back(photo);
    }
  };
  for (Sample& sample : set.samples) {
    if (!is_file(sample.photo)) {
      out.masks_without_photo.push_back(sample.mask);
    } else if (!is_file(sample.mask)) {
      add(sample.name, sample.photo);
    } else {
      pairs.push_back(std::move(sample));
    }
  }
  for (const fs::path& photo : set.without_mask) {
    add(without_ending(photo.lexically_relative(images), layout.photo_suffix), photo);
  }
  std::sort(pairs.begin(), pairs.end(), [](const Sample& a, const Sample& b) { return a.name < b.name; });
  const std::set<std::string> photos = photo_names(images, layout);
  for (const fs::path& file : files_below(masks)) {
    const auto has_ending = [&](std::string_view ending) { return file.string().ends_with(ending); };
    if (!std::any_of(layout.mask_suffixes.begin(), layout.mask_suffixes.end(), has_ending)) continue;
    if (!belongs_to_photo(file, layout, photos)) out.masks_without_photo.push_back(masks / file);
  }
  std::sort(out.masks_without_photo.begin(), out.masks_without_photo.end());
  out.masks_without_photo.erase(std::unique(out.masks_without_photo.begin(), out.masks_without_photo.end()),
                                out.masks_without_photo.end());

  out.pairs = pairs.size();
  const size_t count = most_masks == 0 ? pairs.size() : std::min(most_masks, pairs.size());
  out.looked.resize(count);
  pool.parallel_for(static_cast<int64_t>(count), [&](int64_t i) {
    const Sample& pair = pairs[static_cast<size_t>(i) * pairs.size() / count];
    out.looked[static_cast<size_t>(i)] = {pair.name, read_photo(pair.photo, pool), read_mask(pair.mask)};
  });
  out.hashed = hash_equals(pairs, pool);
  return out;
}

}  // namespace sclip
