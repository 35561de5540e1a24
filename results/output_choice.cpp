#include "results/output_choice.h"

#include <algorithm>

#include "results/result_json.h"
#include "sclip/error.h"

namespace sclip {
namespace {

namespace fs = std::filesystem;

void check_file(const OutputKind& kind, const fs::path& file) {
  SCLIP_CHECK(!file.empty(), kInvalidArgument, "the output ", kind.name,
              " has '=' and no file name: remove one or add one");
  SCLIP_CHECK(kind.suffix != kResultFile, kInvalidArgument, "the output ", kind.name, " cannot be called ",
              file.string(), ": ", kResultFile, " is the name by which finished photos are known");
  const fs::path extension = fs::path(kind.suffix).extension();
  SCLIP_CHECK(file.extension() == extension, kInvalidArgument, "the output ", kind.name, " cannot be called ",
              file.string(), ": ", kind.is_folder() ? "it is a folder" : "its name must end in " + extension.string());
}

bool same_place(const fs::path& a, const fs::path& b) {
  return fs::absolute(a).lexically_normal() == fs::absolute(b).lexically_normal();
}

}  // namespace

OutputChoice parse_outputs(std::string_view text) {
  OutputChoice choice;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = text.substr(begin, end - begin);
    begin = end + 1;
    const size_t equals = item.find('=');
    const OutputKind& kind = find_output_kind(item.substr(0, equals));
    SCLIP_CHECK(!contains(choice, kind.name), kInvalidArgument, "the output ", kind.name,
                " is chosen twice: once is enough");
    fs::path file;
    if (equals != std::string_view::npos) check_file(kind, file = item.substr(equals + 1));
    for (const ChosenOutput& other : choice) {
      SCLIP_CHECK(file.empty() || other.file.empty() || !same_place(file, other.file), kInvalidArgument, "the outputs ",
                  other.kind->name, " and ", kind.name, " cannot both be ", file.string(), ": name them differently");
    }
    choice.push_back({&kind, file});
  }
  // By place in the table.
  std::sort(choice.begin(), choice.end(), [](const auto& a, const auto& b) { return a.kind < b.kind; });
  return choice;
}

std::vector<std::string> to_strings(const OutputChoice& choice) {
  std::vector<std::string> out;
  for (const ChosenOutput& c : choice) {
    out.push_back(std::string(c.kind->name) + (c.file.empty() ? "" : "=" + c.file.string()));
  }
  return out;
}

bool contains(const OutputChoice& choice, std::string_view name) {
  return std::any_of(choice.begin(), choice.end(), [&](const ChosenOutput& c) { return c.kind->name == name; });
}

}  // namespace sclip
