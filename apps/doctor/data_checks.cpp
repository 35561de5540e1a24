// What goes wrong in folders of photos and masks.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "apps/console.h"
#include "apps/doctor/checks.h"
#include "apps/table.h"
#include "sclip/error.h"

namespace sclip {
namespace {

constexpr uint16_t kVoid = 255;
constexpr double kMostRamps = 0.15;  // share of a mask's edges; those of hand-made masks have a few in a hundred
constexpr int64_t kLeastRamps = 16;
constexpr double kLargeShare = 0.5;

using PairTest = bool (*)(const SetPair& pair);

std::string name_of(const std::filesystem::path& file) {
  return one_line(file.string());
}

// "3 of 40 masks (a.png, …)"
std::string some_of(const std::vector<std::filesystem::path>& files, size_t all, std::string_view noun) {
  std::string out = str(files.size(), " of ", counted(all, noun), " (", name_of(files.front()));
  return out + (files.size() > 1 ? ", …)" : ")");
}

std::vector<std::filesystem::path> masks_where(const DataFacts& data, PairTest test) {
  std::vector<std::filesystem::path> out;
  for (const SetPair& pair : data.looked) {
    if (test(pair)) out.push_back(pair.mask.file);
  }
  return out;
}

// Over all masks that were read.
struct Numbers {
  NumberCounts counts;
  std::map<uint16_t, std::filesystem::path> first;  // mask that holds it
  int64_t pixels = 0;
  size_t masks = 0;

  explicit Numbers(const DataFacts& data) {
    for (const SetPair& pair : data.looked) {
      if (pair.mask.numbers.empty()) continue;
      ++masks;
      for (const auto& [number, count] : pair.mask.numbers) {
        counts[number] += count;
        first.insert({number, pair.mask.file});
        pixels += count;
      }
    }
  }
  int64_t of(uint16_t number) const {
    const auto found = counts.find(number);
    return found == counts.end() ? 0 : found->second;
  }
  double share(int64_t count) const {
    return pixels == 0 ? 0 : static_cast<double>(count) / static_cast<double>(pixels);
  }
  // The largest but 255; −1: none.
  int highest() const {
    int most = -1;
    for (const auto& [number, count] : counts) {
      if (number != kVoid) most = std::max(most, static_cast<int>(number));
    }
    return most;
  }
  std::vector<uint16_t> unknown_to(const MaskRule& rule) const {
    std::vector<uint16_t> out;
    for (const auto& [number, count] : counts) {
      if (rule.class_of(number) == kUnknownLabel) out.push_back(number);
    }
    return out;
  }
};

std::string listed(const std::vector<uint16_t>& numbers) {
  constexpr size_t kShown = 6;
  std::string out;
  for (size_t i = 0; i < std::min(numbers.size(), kShown); ++i)
    out += (i == 0 ? "" : ", ") + std::to_string(numbers[i]);
  return numbers.size() > kShown ? out + ", …" : out;
}

bool counts_from_zero(const MaskRule& rule) {
  return rule.kind() == MaskRuleKind::kAsStored;
}

// Whether one number too many is there, and it is the one that counting from 1 would need.
bool counts_from_one(const DataFacts& data, const Numbers& numbers) {
  const auto unknown = numbers.unknown_to(data.rule);
  return counts_from_zero(data.rule) && unknown.size() == 1 && unknown[0] == data.rule.classes();
}

bool only_zero_and_void(const Numbers& numbers) {
  return numbers.of(kVoid) > 0 && std::all_of(numbers.counts.begin(), numbers.counts.end(), [](const auto& entry) {
           return entry.first == 0 || entry.first == kVoid;
         });
}

void look_readable(const Facts& facts, Findings& found) {
  const DataFacts& data = *facts.data;
  size_t photos = 0, masks = 0;
  std::string photo_error, mask_error;
  for (const SetPair& pair : data.looked) {
    if (!pair.photo.error.empty() && photos++ == 0) photo_error = pair.photo.error;
    // A mask of another kind is another check's.
    const bool other_kind = pair.mask.colours || (!pair.mask.format.empty() && pair.mask.format != "PNG");
    if (!pair.mask.error.empty() && !other_kind && masks++ == 0) mask_error = pair.mask.error;
  }
  const std::string fix = "copy or download the file again, or take its name from the list";
  if (photos > 0) {
    found.add(Severity::kError,
              str(photos, " of ", counted(data.looked.size(), "photo"), " cannot be read: ", photo_error), fix);
  }
  if (masks > 0) {
    found.add(Severity::kError,
              str(masks, " of ", counted(data.looked.size(), "mask"), " cannot be read: ", mask_error), fix);
  }
}

void look_photos_without_mask(const Facts& facts, Findings& found) {
  const DataFacts& data = *facts.data;
  const auto& photos = data.photos_without_mask;
  if (!photos.empty()) {
    found.add(Severity::kWarning,
              some_of(photos, photos.size() + data.pairs, "photo") + " have no mask, and are left out",
              "add the masks under the photos' names, or move the photos away");
  }
  if (!data.missing.empty()) {
    found.add(Severity::kWarning,
              str(counted(data.missing.size(), "name"), " of the list (", one_line(data.missing.front()),
                  data.missing.size() > 1 ? ", …)" : ")", " have neither photo nor mask"),
              "complete the download, or take the names from the list");
  }
}

void look_masks_without_photo(const Facts& facts, Findings& found) {
  const auto& masks = facts.data->masks_without_photo;
  if (masks.empty()) return;
  found.add(Severity::kWarning, some_of(masks, masks.size() + facts.data->pairs, "mask") + " have no photo",
            "add the photos under the masks' names, or move the masks away");
}

void look_duplicates(const Facts& facts, Findings& found) {
  std::map<std::string, std::filesystem::path> first;
  size_t copies = 0;
  std::string example;
  for (const SetPhoto& photo : facts.data->hashed) {
    const auto [entry, is_new] = first.insert({photo.sha256, photo.file});
    if (!is_new && copies++ == 0) example = name_of(photo.file) + " is " + name_of(entry->second);
  }
  if (copies == 0) return;
  found.add(Severity::kWarning, str(counted(copies, "photo"), " in the set twice: ", example),
            "keep one of each, so that no photo counts twice");
}

void look_sizes(const Facts& facts, Findings& found) {
  size_t swapped = 0, other = 0;
  std::string turned, example;
  for (const SetPair& pair : facts.data->looked) {
    if (pair.photo.width == 0 || pair.mask.width == 0) continue;
    if (pair.photo.width == pair.mask.width && pair.photo.height == pair.mask.height) continue;
    const bool is_swapped = pair.photo.width == pair.mask.height && pair.photo.height == pair.mask.width;
    const std::string sizes = str(name_of(pair.mask.file), " has ", pair.mask.width, "×", pair.mask.height,
                                  " pixels, its photo ", pair.photo.width, "×", pair.photo.height);
    if (is_swapped) {
      if (swapped++ == 0) turned = sizes;
    } else if (other++ == 0) {
      example = sizes;
    }
  }
  const size_t all = facts.data->looked.size();
  if (swapped > 0) {
    found.add(Severity::kError, str(swapped, " of ", counted(all, "mask"), " lie on their side: ", turned),
              "the photo has an EXIF orientation, which is applied: turn the mask, or write the photo upright");
  }
  if (other > 0) {
    found.add(Severity::kError, str(other, " of ", counted(all, "mask"), " have another size: ", example),
              "make the masks again at the photo's size, resizing with nearest neighbour only");
  }
}

void look_formats(const Facts& facts, Findings& found) {
  const auto lossy = masks_where(
      *facts.data, [](const SetPair& pair) { return !pair.mask.format.empty() && pair.mask.format != "PNG"; });
  if (lossy.empty()) return;
  std::string format;
  for (const SetPair& pair : facts.data->looked) {
    if (pair.mask.file == lossy.front()) format = pair.mask.format;
  }
  found.add(Severity::kError,
            some_of(lossy, facts.data->looked.size(), "mask") + " are " + format + " pictures" +
                (format == "JPEG" ? ", whose numbers are changed by compression" : ""),
            "write masks as PNG, grey or with a palette, from the original labels");
}

void look_colours(const Facts& facts, Findings& found) {
  const auto colours = masks_where(*facts.data, [](const SetPair& pair) { return pair.mask.colours; });
  if (colours.empty()) return;
  found.add(Severity::kError, some_of(colours, facts.data->looked.size(), "mask") + " hold colours, not numbers",
            "write each pixel's class number: a palette PNG keeps both (Pillow: keep mode P, do not convert to RGB)");
}

void look_blended(const Facts& facts, Findings& found) {
  const auto blended = masks_where(*facts.data, [](const SetPair& pair) {
    const EdgeCounts& e = pair.mask.edges;
    return e.ramps >= kLeastRamps && static_cast<double>(e.ramps) > kMostRamps * static_cast<double>(e.edges);
  });
  if (blended.empty()) return;
  found.add(Severity::kError,
            some_of(blended, facts.data->looked.size(), "mask") +
                " have blended borders: numbers between those of the two sides",
            "the masks were resized with interpolation or antialiased: resize the originals with nearest neighbour");
}

void look_binary(const Facts& facts, Findings& found) {
  const DataFacts& data = *facts.data;
  const Numbers numbers(data);
  if (!only_zero_and_void(numbers) || data.rule.class_of(kVoid) != kIgnoredLabel) return;
  found.add(Severity::kError,
            str("all ", numbers.masks, " masks hold 0 and 255 only, and 255 does not count: ",
                percent(numbers.share(numbers.of(kVoid))), " of the pixels are lost"),
            "write the class's number instead of 255 (1 for the first one after the background)");
}

void look_zero_label(const Facts& facts, Findings& found) {
  const DataFacts& data = *facts.data;
  const Numbers numbers(data);
  const size_t classes = data.rule.classes();
  const bool stuff = data.class_file == "coco_stuff";
  if (counts_from_one(data, numbers)) {
    found.add(Severity::kError,
              str("the masks hold the numbers up to ", classes, " for ", classes, " classes, which count from 0",
                  stuff ? ": these are the train ids of COCO-Stuff 10k" : ""),
              stuff ? "--dataset coco_stuff10k, whose 0 is void, or convert the masks to 0…170 and 255"
                    : "0 is no class in these masks (reduce_zero_label): take the set's variant without background, or "
                      "number the lines of classes.txt: '0 void', '1 NAME', …");
    return;
  }
  if (data.rule.kind() != MaskRuleKind::kZeroIsVoid || only_zero_and_void(numbers)) return;
  const bool last_class = numbers.of(static_cast<uint16_t>(classes)) > 0;
  if (last_class || numbers.of(kVoid) == 0 || numbers.of(kVoid) <= numbers.of(0)) return;
  found.add(
      Severity::kError,
      str("1 is subtracted from these masks, and they look as if that were done: no pixel is ", classes, ", and ",
          percent(numbers.share(numbers.of(kVoid))), " are 255", stuff ? " (the train ids of COCO-Stuff 164k)" : ""),
      stuff ? "--dataset coco_stuff164k, or take COCO-Stuff 10k's own masks"
            : "take the masks as they were downloaded: 0 is void there, and 1 the first class");
}

struct OwnNumbers {
  MaskRuleKind kind;
  size_t classes;
  std::string_view whose;
  std::string_view fix;
};

constexpr std::array kOwnNumbers = {
    OwnNumbers{MaskRuleKind::kCityscapesIds, 19, "Cityscapes' own numbers (labelIds)",
               "name the files *_gtFine_labelIds.png, or convert them to train ids (cityscapesscripts)"},
    OwnNumbers{MaskRuleKind::kCocoStuffIds, 171, "COCO's own numbers (stuffthingmaps)",
               "lay them in stuffthingmaps/, or convert them to *_labelTrainIds.png"},
    OwnNumbers{MaskRuleKind::kCocoObjectIds, 81, "COCO's own numbers (stuffthingmaps)",
               "lay them in stuffthingmaps/, or convert them to *_instanceTrainIds.png"},
};

void look_numbers(const Facts& facts, Findings& found) {
  const DataFacts& data = *facts.data;
  const Numbers numbers(data);
  const auto unknown = numbers.unknown_to(data.rule);
  const size_t classes = data.rule.classes();
  if (data.rule.kind() == MaskRuleKind::kCityscapesIds) {
    // Train ids are numbers too: 0 is the road then, and of Cityscapes' own numbers none is 255.
    if (numbers.highest() >= 0 && numbers.highest() < static_cast<int>(classes) && numbers.of(kVoid) > 0) {
      found.add(Severity::kError,
                str("the masks are called labelIds and hold train ids: 255, and nothing from ", classes, " to 254"),
                "name them *_gtFine_labelTrainIds.png");
    }
  }
  if (unknown.empty() || counts_from_one(data, numbers)) return;
  int64_t pixels = 0;
  for (const uint16_t number : unknown) pixels += numbers.of(number);
  const std::string what =
      str(unknown.size() == 1 ? "the number " : "the numbers ", listed(unknown), " of ", percent(numbers.share(pixels)),
          " of the pixels (", name_of(numbers.first.at(unknown.front())), ") ", unknown.size() == 1 ? "is" : "are",
          " no class of the ", classes);
  for (const OwnNumbers& own : kOwnNumbers) {
    if (own.classes != classes || data.rule.kind() == own.kind) continue;
    if (!numbers.unknown_to(MaskRule(own.kind, classes)).empty()) continue;
    found.add(Severity::kError, what + ": these are " + std::string(own.whose), std::string(own.fix));
    return;
  }
  const bool converted =
      data.rule.kind() == MaskRuleKind::kCocoStuffIds || data.rule.kind() == MaskRuleKind::kCocoObjectIds;
  if (converted && numbers.unknown_to(MaskRule(MaskRuleKind::kAsStored, classes)).empty()) {
    found.add(Severity::kError, what + ": these are train ids, where COCO's own numbers are expected",
              "name them *_labelTrainIds.png (COCO-Object: *_instanceTrainIds.png) in annotations/");
    return;
  }
  const bool own_list = data.class_file.empty();
  found.add(
      Severity::kError, what,
      own_list ? "give every number of the masks a line of classes.txt: '37 pole', or '37 void' for what does not count"
               : "check that the masks are those of this data set, as downloaded or converted");
}

void look_void(const Facts& facts, Findings& found) {
  const DataFacts& data = *facts.data;
  const Numbers numbers(data);
  if (numbers.pixels == 0 || only_zero_and_void(numbers)) return;
  int64_t ignored = 0;
  for (const auto& [number, count] : numbers.counts) ignored += data.rule.class_of(number) == kIgnoredLabel ? count : 0;
  const double share = numbers.share(ignored);
  // Sets without background leave most of a photo out; that is what they are.
  const bool usual = data.rule.kind() == MaskRuleKind::kZeroIsVoid && ignored < numbers.pixels;
  if (share <= kLargeShare || usual) return;
  found.add(ignored == numbers.pixels ? Severity::kError : Severity::kWarning,
            str(percent(share), " of the masks' pixels do not count"),
            "check which numbers are void: 255 always, and those that classes.txt calls so");
}

void look_constant(const Facts& facts, Findings& found) {
  constexpr size_t kEnough = 3;
  size_t constant = 0;
  std::filesystem::path example;
  const Numbers numbers(*facts.data);
  for (const SetPair& pair : facts.data->looked) {
    if (pair.mask.numbers.size() == 1 && constant++ == 0) example = pair.mask.file;
  }
  if (numbers.masks < kEnough || constant * 2 <= numbers.masks) return;
  found.add(Severity::kWarning,
            str(constant, " of ", counted(numbers.masks, "mask"), " hold a single number (", name_of(example), ")"),
            "masks of a bit or scaled to 0…1 lose their numbers when they are saved: check how they were written");
}

void look_seen(const Facts& facts, Findings& found) {
  const DataFacts& data = *facts.data;
  const Numbers numbers(data);
  if (numbers.masks == 0 || data.looked.size() < data.pairs) return;  // what is rare may be in the others
  std::set<uint16_t> seen;
  for (const auto& [number, count] : numbers.counts) seen.insert(data.rule.class_of(number));
  constexpr size_t kShown = 6;
  std::string never;
  size_t count = 0;
  for (size_t q = 0; q < data.class_names.size(); ++q) {
    if (seen.contains(static_cast<uint16_t>(q)) || ++count > kShown) continue;
    never += (count == 1 ? "'" : ", '") + data.class_names[q] + "'";
  }
  if (count == 0) return;
  found.add(Severity::kNote,
            str("no mask has the ", count == 1 ? "class " : "classes ", never, count > kShown ? ", …" : ""),
            "nothing, if that is so: a class that is neither in the masks nor found does not count");
}

constexpr Check kDataChecks[] = {
    {"readable", "Can photos and masks be decoded?", Needs::kDataSet, look_readable},
    {"photos-without-mask", "Has every photo a mask?", Needs::kDataSet, look_photos_without_mask},
    {"masks-without-photo", "Has every mask a photo?", Needs::kDataSet, look_masks_without_photo},
    {"duplicates", "Is a photo in the set twice?", Needs::kDataSet, look_duplicates},
    {"sizes", "Has each mask its photo's size?", Needs::kDataSet, look_sizes},
    {"lossy-masks", "Are masks stored without loss?", Needs::kDataSet, look_formats},
    {"colour-masks", "Do masks hold numbers, not colours?", Needs::kDataSet, look_colours},
    {"blended-borders", "Were masks resized or drawn with blending?", Needs::kDataSet, look_blended},
    {"binary-masks", "Do masks say 255 where they mean a class?", Needs::kDataSet, look_binary},
    {"zero-label", "Is 0 void where it is taken for a class, or the reverse?", Needs::kDataSet, look_zero_label},
    {"unknown-numbers", "Has every number of the masks a class?", Needs::kDataSet, look_numbers},
    {"void-share", "Do most pixels count?", Needs::kDataSet, look_void},
    {"constant-masks", "Do masks hold more than one number?", Needs::kDataSet, look_constant},
    {"classes-seen", "Is every class in some mask?", Needs::kDataSet, look_seen},
};

}  // namespace

std::span<const Check> data_set_checks() {
  return kDataChecks;
}

}  // namespace sclip
